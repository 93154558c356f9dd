package dev.millrace.cli;

import dev.millrace.api.StreamingQuery;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.QueryException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Reads what a resource only names: properties in files, and in secrets that a cluster has mounted. It remembers what clients
 * were made with, so that they can be made anew when a secret changes.
 */
final class Secrets {

    private final Map<String, Map<String, Object>> inUse = new ConcurrentHashMap<>();

    private final Path directory;
    private final Optional<Path> mounted;

    /**
     * @param directory where paths start
     * @param mounted has a directory for each secret; empty where there is no cluster
     */
    Secrets(Path directory, Optional<Path> mounted) {
        this.directory = directory;
        this.mounted = mounted;
    }

    /** What is read anew for each use, and so is never outdated. */
    Map<String, Object> read(StreamingQuery.PropertiesFrom from) {
        Map<String, Object> properties = new HashMap<>();
        if (from.file() != null) {
            load(directory.resolve(from.file()), properties);
        } else {
            properties.putAll(secret(from.secretRef().name()));
        }
        return properties;
    }

    /** Whether a secret that was loaded is another one now. One that is gone changes nothing: it may come again. */
    boolean changed() {
        return inUse.entrySet().stream().anyMatch(entry -> {
            try {
                return !secret(entry.getKey()).equals(entry.getValue());
            } catch (ConnectorException | QueryException e) {
                return false;
            }
        });
    }

    /** What comes later replaces what was there. */
    void load(List<StreamingQuery.PropertiesFrom> from, Map<String, Object> into) {
        if (from == null) {
            return;
        }
        for (StreamingQuery.PropertiesFrom one : from) {
            if (one.file() != null) {
                load(directory.resolve(one.file()), into);
            } else {
                Map<String, Object> loaded = secret(one.secretRef().name());
                inUse.put(one.secretRef().name(), loaded);
                into.putAll(loaded);
            }
        }
    }

    private static void load(Path file, Map<String, Object> into) {
        Properties loaded = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            loaded.load(reader);
        } catch (IOException e) {
            throw new QueryException("SecretKeyMissing", "the properties file " + file + " cannot be read", e);
        }
        loaded.forEach((key, value) -> into.put((String) key, value));
    }

    /**
     * A secret's keys are names of properties; one that ends in {@code .properties} holds many. One that is not there may
     * come, or come again.
     */
    private Map<String, Object> secret(String name) {
        Map<String, Object> into = new HashMap<>();
        Path directory = mounted.orElseThrow(() -> new QueryException(
                        "SecretNotAvailable", "secretRef is for a cluster; on this machine give {file: path}"))
                .resolve(name);
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> keys = files.filter(
                            file -> !file.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList();
            for (Path key : keys) {
                if (key.getFileName().toString().endsWith(".properties")) {
                    load(key, into);
                } else {
                    into.put(key.getFileName().toString(), Files.readString(key).strip());
                }
            }
            if (keys.isEmpty()) {
                throw missing(name, null);
            }
            return into;
        } catch (IOException e) {
            throw missing(name, e);
        }
    }

    private static ConnectorException missing(String secret, IOException e) {
        return new ConnectorException(
                "SecretKeyMissing", "the secret '" + secret + "' is not in this namespace, or is empty", e, true);
    }
}
