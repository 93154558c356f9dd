package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.StreamingQuery;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretsTest {

    @TempDir
    private Path directory;

    @Test
    void onlyAnotherContentOfALoadedSecretIsAChange() throws Exception {
        Path key = Files.createDirectories(directory.resolve("login")).resolve("sasl.mechanism");
        Files.writeString(key, "PLAIN");
        Secrets secrets = new Secrets(directory, Optional.of(directory));
        var login = new StreamingQuery.PropertiesFrom(new StreamingQuery.NameRef("login"), null);
        assertEquals(Map.of("sasl.mechanism", "PLAIN"), secrets.read(login));
        Files.writeString(key, "SCRAM");
        assertFalse(secrets.changed(), "what is read for each use is never outdated");
        Map<String, Object> loaded = new HashMap<>();
        secrets.load(List.of(login), loaded);
        assertEquals(Map.of("sasl.mechanism", "SCRAM"), loaded);
        Files.writeString(key, "SCRAM\n");
        assertFalse(secrets.changed());
        Files.writeString(key, "OTHER");
        assertTrue(secrets.changed());
        Files.delete(key);
        assertFalse(secrets.changed(), "it may come again");
        Files.writeString(key, "OTHER");
        secrets.load(List.of(login), loaded);
        assertFalse(secrets.changed());
    }
}
