package dev.millrace.stores;

import dev.millrace.connectors.ConnectorException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Objects in a bucket. What is stored is proved by hashes of our own, so that the protocol's newer checksums, which not every
 * server knows, are only sent where they must be.
 */
public final class S3Objects implements Objects {

    private static final int EXISTS = 412;
    private static final int NOT_FOUND = 404;
    private static final int CONFLICT = 409;
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration SILENCE = Duration.ofSeconds(30);

    private final Config config;
    private final S3Client client;

    /**
     * @param prefix before all names; ends with a slash
     * @param endpoint of a server other than AWS, empty for AWS itself
     * @param region empty for what the environment says
     * @param pathStyle whether the bucket stands in the path and not in the host's name
     * @param credentials asked again for each request, by the names of AWS's environment variables, so that they may change;
     *     empty for what the environment gives (role of the pod, variables, profile)
     */
    public record Config(
            String bucket,
            String prefix,
            Optional<URI> endpoint,
            Optional<String> region,
            boolean pathStyle,
            Optional<Supplier<Map<String, Object>>> credentials) {}

    public S3Objects(Config config) {
        this.config = config;
        AwsCredentialsProvider credentials = config.credentials()
                .<AwsCredentialsProvider>map(read -> () -> credentials(read.get()))
                .orElseGet(() -> DefaultCredentialsProvider.builder().build());
        S3ClientBuilder builder = S3Client.builder()
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(CONNECT)
                        .socketTimeout(SILENCE))
                .credentialsProvider(credentials)
                .forcePathStyle(config.pathStyle())
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
        config.endpoint().ifPresent(builder::endpointOverride);
        config.region()
                .or(() -> config.endpoint().map(other -> "us-east-1"))
                .ifPresent(region -> builder.region(Region.of(region)));
        try {
            client = builder.build();
        } catch (SdkException | UncheckedIOException e) {
            throw unavailable(e);
        }
    }

    private static AwsCredentials credentials(Map<String, Object> given) {
        String id = required(given, "AWS_ACCESS_KEY_ID");
        String secret = required(given, "AWS_SECRET_ACCESS_KEY");
        Object token = given.get("AWS_SESSION_TOKEN");
        return token == null
                ? AwsBasicCredentials.create(id, secret)
                : AwsSessionCredentials.create(id, secret, token.toString());
    }

    private static String required(Map<String, Object> given, String key) {
        if (given.get(key) == null) {
            throw new ConnectorException(
                    "SecretKeyMissing", "the credentials of the checkpoint store lack " + key, null, true);
        }
        return given.get(key).toString();
    }

    @Override
    public String place() {
        return "s3://" + config.bucket() + "/" + config.prefix();
    }

    private String key(String name) {
        return config.prefix() + name;
    }

    @Override
    public List<String> list(String prefix) {
        try {
            List<String> names = new ArrayList<>();
            client
                    .listObjectsV2Paginator(
                            request -> request.bucket(config.bucket()).prefix(key(prefix)))
                    .contents()
                    .stream()
                    .map(S3Object::key)
                    .forEach(key -> names.add(key.substring(config.prefix().length())));
            return names;
        } catch (SdkException | UncheckedIOException e) {
            throw unavailable(e);
        }
    }

    @Override
    public void put(String name, Path content) {
        try {
            client.putObject(request -> request.bucket(config.bucket()).key(key(name)), content);
        } catch (SdkException | UncheckedIOException e) {
            throw unavailable(e);
        }
    }

    @Override
    public boolean putNew(String name, byte[] content) {
        try {
            client.putObject(
                    request -> request.bucket(config.bucket()).key(key(name)).ifNoneMatch("*"),
                    RequestBody.fromBytes(content));
            return true;
        } catch (S3Exception e) {
            if (e.statusCode() == EXISTS || e.statusCode() == CONFLICT) {
                return false;
            }
            throw unavailable(e);
        } catch (SdkException | UncheckedIOException e) {
            // A server may refuse an object before it has read it, and hang up: the answer is lost, not the server.
            if (get(name).isPresent()) {
                return false;
            }
            throw unavailable(e);
        }
    }

    @Override
    public Optional<byte[]> get(String name) {
        try {
            return Optional.of(client.getObjectAsBytes(
                            request -> request.bucket(config.bucket()).key(key(name)))
                    .asByteArray());
        } catch (NoSuchKeyException e) {
            return Optional.empty();
        } catch (SdkException | UncheckedIOException e) {
            throw unavailable(e);
        }
    }

    @Override
    public boolean get(String name, Path into) {
        try (ResponseInputStream<GetObjectResponse> in =
                client.getObject(request -> request.bucket(config.bucket()).key(key(name)))) {
            Files.copy(in, into, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            return true;
        } catch (NoSuchKeyException e) {
            return false;
        } catch (SdkException | UncheckedIOException | IOException e) {
            throw unavailable(e);
        }
    }

    @Override
    public void delete(String name) {
        try {
            client.deleteObject(request -> request.bucket(config.bucket()).key(key(name)));
        } catch (SdkException | UncheckedIOException e) {
            if (!(e instanceof S3Exception answer && answer.statusCode() == NOT_FOUND)) {
                throw unavailable(e);
            }
        }
    }

    @Override
    public void deleteAll() {
        list("").forEach(this::delete);
    }

    /**
     * Also a refusal may be over tomorrow: rights and keys are changed while queries run. A server that dies in the middle of a
     * request is no exception of the SDK's.
     */
    private ConnectorException unavailable(Exception e) {
        return new ConnectorException(
                "CheckpointStoreUnavailable", "the checkpoint store " + place() + ": " + e.getMessage(), e, true);
    }
}
