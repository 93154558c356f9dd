package dev.millrace.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.ConnectorException;
import java.util.Map;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class KafkaTopicsTest {

    @Test
    void aBrokerThatIsAwayWhenATopicIsToBeMadeIsWaitedFor() {
        ConnectorException away =
                KafkaTopics.notMade("q-progress", 1, Map.of(), new TimeoutException("Timed out waiting for a node"));
        assertTrue(away.retriable());
        assertEquals("KafkaUnavailable", away.code());
    }

    @Test
    void soIsOneThatIsStarting() {
        assertTrue(KafkaTopics.notMade(
                        "q-progress",
                        1,
                        Map.of(),
                        new InvalidReplicationFactorException(
                                "Unable to replicate the partition 1 time(s): All brokers are currently fenced."))
                .retriable());
    }

    @Test
    void moreReplicasThanThereAreBrokersAreRefused() {
        assertFalse(KafkaTopics.notMade(
                        "q-progress",
                        1,
                        Map.of(),
                        new InvalidReplicationFactorException(
                                "The target replication factor of 3 cannot be reached because only 1 broker(s) are registered."))
                .retriable());
    }

    @Test
    void aBrokerThatRefusesATopicIsNot() {
        ConnectorException refused = KafkaTopics.notMade(
                "q-progress", 2, Map.of("retention.ms", "-1"), new PolicyViolationException("no topics here"));
        assertFalse(refused.retriable());
        assertEquals("InternalTopicMissing", refused.code());
        assertEquals(
                "the topic q-progress cannot be created (no topics here); create it with 2 partitions and"
                        + " {retention.ms=-1}",
                refused.getMessage());
    }
}
