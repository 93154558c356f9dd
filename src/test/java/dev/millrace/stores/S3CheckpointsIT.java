package dev.millrace.stores;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.ConnectorException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cases of a directory in a bucket, and what only a server can do. */
class S3CheckpointsIT extends ObjectCheckpointsTest {

    private static S3Server server;
    private static int cases;

    @BeforeAll
    static void start(@TempDir Path directory) throws Exception {
        server = new S3Server(directory, "127.0.0.1");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Override
    protected Objects objects(Path temporary) {
        return server.objects("some/prefix/case-" + cases++ + "/");
    }

    @Test
    void moreThanAPageIsListedAndPrefixesAreKeptApart() throws Exception {
        S3Objects one = server.objects("pages/");
        S3Objects other = server.objects("pages-2/");
        other.putNew("x", new byte[] {1});
        IntStream.range(0, 1_050).parallel().forEach(i -> one.putNew("checkpoints/" + i, new byte[] {1}));
        assertEquals(1_050, Set.copyOf(one.list("checkpoints/")).size());
        assertEquals(List.of("x"), other.list(""));
        one.deleteAll();
        assertEquals(List.of("x"), other.list(""));
    }

    @Test
    void whatIsThereIsNotReplaced() {
        S3Objects objects = server.objects("new/");
        assertTrue(objects.putNew("a", "first".getBytes(StandardCharsets.UTF_8)));
        byte[] second = new byte[1 << 20]; // more than is sent before the answer that it is not wanted
        for (int i = 0; i < 3; i++) {
            assertFalse(objects.putNew("a", second));
        }
        assertEquals("first", new String(objects.get("a").orElseThrow(), StandardCharsets.UTF_8));
    }

    @Test
    void keysThatChangeAreTakenUpAndWrongOnesAreAnOutage() {
        Map<String, Object> credentials =
                new HashMap<>(Map.of("AWS_ACCESS_KEY_ID", S3Server.KEY, "AWS_SECRET_ACCESS_KEY", S3Server.SECRET));
        S3Objects objects = server.objects("keys/", credentials);
        assertEquals(List.of(), objects.list(""));
        credentials.put("AWS_SECRET_ACCESS_KEY", "of yesterday");
        assertOutage(objects, "s3://checkpoints/keys/");
        credentials.remove("AWS_SECRET_ACCESS_KEY");
        assertOutage(objects, "lack AWS_SECRET_ACCESS_KEY");
        credentials.put("AWS_SECRET_ACCESS_KEY", S3Server.SECRET);
        assertEquals(List.of(), objects.list(""));
    }

    @Test
    void aServerThatIsAwayIsAnOutage(@TempDir Path directory) throws Exception {
        try (S3Server own = new S3Server(directory, "127.0.0.1")) {
            S3Objects objects = own.objects("away/");
            assertTrue(objects.putNew("a", new byte[] {1}));
            own.kill();
            assertOutage(objects, "s3://checkpoints/away/");
            own.start();
            assertEquals(List.of("a"), objects.list(""));
            Path into = Files.createTempFile(directory, "a", "");
            assertTrue(objects.get("a", into));
            assertFalse(objects.get("b", into));
        }
    }

    private static void assertOutage(S3Objects objects, String text) {
        ConnectorException e = assertThrows(ConnectorException.class, () -> objects.list(""));
        assertTrue(e.retriable());
        assertTrue(e.getMessage().contains(text), e.getMessage());
    }
}
