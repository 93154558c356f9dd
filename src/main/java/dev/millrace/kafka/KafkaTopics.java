package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Questions to a cluster about topics, and the making of internal ones. */
final class KafkaTopics implements AutoCloseable {

    private static final long WAIT_SECONDS = 20;

    private static final String MIN_IN_SYNC = "min.insync.replicas";

    private static final Map<String, String> KEEPS_ALL =
            Map.of("cleanup.policy", "delete", "retention.ms", "-1", "retention.bytes", "-1");

    private static final Map<String, String> COMPACTED = Map.of(
            "cleanup.policy", "compact",
            "segment.bytes", String.valueOf(64 << 20),
            "min.cleanable.dirty.ratio", "0.2");

    private final Admin admin;

    KafkaTopics(Map<String, Object> properties) {
        Map<String, Object> config = new HashMap<>(properties);
        config.putIfAbsent(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 15_000);
        config.putIfAbsent(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000);
        admin = KafkaTransaction.connect(config, () -> Admin.create(config));
    }

    private static <T> T await(KafkaFuture<T> future, String what) {
        try {
            return future.get(WAIT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Exception cause = e.getCause() instanceof Exception known ? known : e;
            throw KafkaTransaction.outage(what, cause);
        } catch (TimeoutException e) {
            throw KafkaTransaction.outage(what, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw KafkaTransaction.outage(what, e);
        }
    }

    String clusterId() {
        return await(admin.describeCluster().clusterId(), "the broker does not answer");
    }

    Set<String> names() {
        return await(admin.listTopics().names(), "the broker does not answer");
    }

    /** The topic, or empty if there is none of that name. */
    Optional<TopicDescription> describe(String topic) {
        try {
            return Optional.of(admin.describeTopics(List.of(topic))
                    .topicNameValues()
                    .get(topic)
                    .get(WAIT_SECONDS, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                return Optional.empty();
            }
            throw KafkaTransaction.outage("topic " + topic + " cannot be described", (Exception) e.getCause());
        } catch (TimeoutException e) {
            throw KafkaTransaction.outage("the broker does not answer", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw KafkaTransaction.outage("interrupted", e);
        }
    }

    /**
     * Refuses a topic whose rights are known and lack one: what is read only after a crash would be found out then.
     */
    void requireRights(String topic, Set<AclOperation> wanted) {
        Set<AclOperation> granted = await(
                        admin.describeTopics(
                                        List.of(topic), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                                .topicNameValues()
                                .get(topic),
                        "topic " + topic + " cannot be described")
                .authorizedOperations();
        for (AclOperation operation : wanted) {
            if (granted != null && !granted.contains(operation)) {
                throw new ConnectorException(
                        "NotAuthorized",
                        "Kafka: the query's user lacks the right " + operation + " on the topic " + topic,
                        null,
                        true);
            }
        }
    }

    /** The oldest open transaction in a partition, in words: by its transactional id where the broker tells it. */
    Optional<String> openTransaction(TopicPartition partition) {
        Optional<ProducerState> oldest = await(
                        admin.describeProducers(List.of(partition)).partitionResult(partition), "it names no producers")
                .activeProducers()
                .stream()
                .filter(producer -> producer.currentTransactionStartOffset().isPresent())
                .min(Comparator.comparingLong(
                        producer -> producer.currentTransactionStartOffset().getAsLong()));
        return oldest.map(producer -> "the open transaction of "
                + await(
                                admin.listTransactions(new ListTransactionsOptions()
                                                .filterProducerIds(List.of(producer.producerId())))
                                        .all(),
                                "it lists no transactions")
                        .stream()
                        .map(listing -> "'" + listing.transactionalId() + "'")
                        .findFirst()
                        .orElse("producer " + producer.producerId()));
    }

    /**
     * Makes an internal topic that keeps everything, if it is not there.
     *
     * @return its id, which tells it from another topic of its name
     */
    String internal(String topic, int partitions, KafkaProgressLog.Copies copies) {
        return made(topic, partitions, copies, KEEPS_ALL);
    }

    /** Deletes records before these offsets, at some time: nobody waits for it, and what fails is asked for again with more. */
    void trim(Map<TopicPartition, Long> offsets) {
        Map<TopicPartition, RecordsToDelete> deleted = new HashMap<>();
        offsets.forEach((partition, offset) -> deleted.put(partition, RecordsToDelete.beforeOffset(offset)));
        admin.deleteRecords(deleted);
    }

    /** Makes the topic of checkpoints, if it is not there. */
    void checkpoints(String topic, KafkaProgressLog.Copies copies) {
        made(topic, 2, copies, COMPACTED);
    }

    /** Makes a topic whose last record counts, if it is not there; fails where it may lose that one. */
    void epochs(String topic, KafkaProgressLog.Copies copies) {
        made(topic, 1, copies, COMPACTED);
        String policy = settings(topic).get("cleanup.policy");
        if (!"compact".equals(policy)) {
            throw new ConnectorException(
                    "InternalTopicSettings",
                    "the topic " + topic + " may lose its last record: set cleanup.policy=compact (it has " + policy
                            + ")");
        }
    }

    private String made(String topic, int partitions, KafkaProgressLog.Copies copies, Map<String, String> settings) {
        Map<String, String> all = new HashMap<>(settings);
        if (copies.inSync() > 0) {
            all.put(MIN_IN_SYNC, String.valueOf(copies.inSync()));
        }
        return describe(topic)
                .or(() -> {
                    create(topic, partitions, copies.replication(), all);
                    return describe(topic);
                })
                .map(found -> {
                    if (found.partitions().size() != partitions) {
                        throw new ConnectorException(
                                "InternalTopicSettings",
                                "the topic " + topic + " has "
                                        + found.partitions().size() + " partitions and needs " + partitions
                                        + ": delete it, or make it so");
                    }
                    return found.topicId().toString();
                })
                .orElseThrow(() -> new ConnectorException(
                        "KafkaUnavailable", "Kafka: topic " + topic + " was made and is not known yet", null, true));
    }

    private void create(String topic, int partitions, short replication, Map<String, String> settings) {
        NewTopic wanted = new NewTopic(
                        topic, Optional.of(partitions), replication > 0 ? Optional.of(replication) : Optional.empty())
                .configs(settings);
        try {
            admin.createTopics(List.of(wanted)).all().get(WAIT_SECONDS, TimeUnit.SECONDS);
            awaitTopic(topic);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw notMade(topic, partitions, settings, (Exception) e.getCause());
            }
        } catch (TimeoutException e) {
            throw KafkaTransaction.outage("the topic " + topic + " cannot be created", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw KafkaTransaction.outage("interrupted", e);
        }
    }

    /** A broker that is away is waited for, as everywhere; one that refuses is not. */
    static ConnectorException notMade(String topic, int partitions, Map<String, String> settings, Exception cause) {
        boolean starting =
                cause instanceof InvalidReplicationFactorException // as a controller alone refuses every topic
                        && String.valueOf(cause.getMessage()).contains("fenced");
        if (cause instanceof RetriableException || starting) {
            return KafkaTransaction.outage("the topic " + topic + " cannot be created", cause);
        }
        return new ConnectorException(
                "InternalTopicMissing",
                "the topic " + topic + " cannot be created (" + cause.getMessage() + "); create it with " + partitions
                        + (partitions == 1 ? " partition" : " partitions") + " and " + new TreeMap<>(settings),
                cause,
                false);
    }

    /** Brokers learn of a new topic one after the other; what asks too early is told that there is none. */
    private void awaitTopic(String topic) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (describe(topic).isEmpty() && System.nanoTime() < until) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    /** Takes topics away; those that are not there are as wanted. */
    void delete(Collection<String> topics) {
        admin.deleteTopics(topics).topicNameValues().forEach((topic, future) -> {
            try {
                future.get(WAIT_SECONDS, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                    throw KafkaTransaction.outage("topic " + topic + " cannot be deleted", (Exception) e.getCause());
                }
            } catch (TimeoutException e) {
                throw KafkaTransaction.outage("the broker does not answer", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw KafkaTransaction.outage("interrupted", e);
            }
        });
    }

    /** The topic's settings by name. */
    Map<String, String> settings(String topic) {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Collection<Config> configs = await(
                        admin.describeConfigs(List.of(resource)).all(), "topic " + topic + " has unknown settings")
                .values();
        Map<String, String> settings = new HashMap<>();
        configs.forEach(config -> config.entries().forEach(entry -> settings.put(entry.name(), entry.value())));
        return settings;
    }

    /** Fails where a topic may lose records of itself; returns by what accident it may. */
    Optional<String> requireKept(String topic) {
        Map<String, String> settings = settings(topic);
        boolean keepsAll = "delete".equals(settings.get("cleanup.policy"))
                && "-1".equals(settings.get("retention.ms"))
                && "-1".equals(settings.get("retention.bytes"));
        if (!keepsAll) {
            throw new ConnectorException(
                    "InternalTopicSettings",
                    "the topic " + topic + " may lose records: set cleanup.policy=delete, retention.ms=-1 and"
                            + " retention.bytes=-1 (it has " + settings.get("cleanup.policy") + ", "
                            + settings.get("retention.ms") + " and " + settings.get("retention.bytes") + ")");
        }
        if (Integer.parseInt(settings.getOrDefault(MIN_IN_SYNC, "1")) < 2) {
            return Optional.of("the topic " + topic + " has min.insync.replicas=1: the loss of one broker can lose it");
        }
        return "true".equals(settings.get("unclean.leader.election.enable"))
                ? Optional.of("the topic " + topic + " allows unclean leader elections")
                : Optional.empty();
    }

    @Override
    public void close() {
        admin.close(java.time.Duration.ofSeconds(1));
    }
}
