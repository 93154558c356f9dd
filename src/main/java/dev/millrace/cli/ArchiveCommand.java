package dev.millrace.cli;

import dev.millrace.plan.StoredPlan;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.jar.JarFile;
import picocli.CommandLine;

/**
 * {@code millrace archive}: what is run once after a build, so that the class-data archive holds the classes of a usual start:
 * those of a small query, run by hand and as a pod does, and the Kafka clients, which a warm-up without a broker would hardly
 * touch.
 */
@CommandLine.Command(name = "archive", hidden = true)
final class ArchiveCommand implements Callable<Integer> {

    private static final ClassLoader LOADER = ArchiveCommand.class.getClassLoader();

    /** Resources of the Kafka clients' jar that a query never needs. */
    private static final List<String> UNUSED = List.of("/oauthbearer/", "/kerberos/", "/shaded/", "/share/", "Share");

    @CommandLine.Parameters(paramLabel = "FILE")
    private Path query;

    @Override
    public Integer call() throws IOException, StoredPlan.UnreadableException {
        System.setOut(new PrintStream(OutputStream.nullOutputStream())); // the rows are not for a build's log
        int status = Math.max(Main.execute("run", query.toString(), "--progress", "none"), runAsPod());
        URL inJar = LOADER.getResource("org/apache/kafka/clients/consumer/KafkaConsumer.class");
        try (JarFile file = ((JarURLConnection) inJar.openConnection()).getJarFile()) {
            file.stream()
                    .map(entry -> entry.getName())
                    .filter(name -> name.startsWith("org/apache/kafka/") && name.endsWith(".class"))
                    .filter(name -> UNUSED.stream().noneMatch(name::contains))
                    .forEach(ArchiveCommand::load);
        }
        return status;
    }

    private int runAsPod() throws IOException, StoredPlan.UnreadableException {
        Path directory = Files.createTempDirectory("millrace-archive");
        Path plan = directory.resolve("plan.json");
        Files.writeString(
                plan,
                StoredPlan.write(
                        Resources.compile(List.of(query)).queries().get(0).plan()));
        int status = Main.execute(
                "engine",
                "--query=" + query,
                "--plan=" + plan,
                "--state=" + directory.resolve("state"),
                "--secrets=" + directory,
                "--incarnation=1",
                "--http=127.0.0.1:0",
                "--termination-message=" + directory.resolve("end"));
        Signals.deleteTree(directory);
        return status;
    }

    /** Some classes need libraries that are not there; they are not needed then. */
    private static void load(String resource) {
        String name =
                resource.substring(0, resource.length() - ".class".length()).replace('/', '.');
        try {
            Class.forName(name, false, LOADER);
        } catch (ClassNotFoundException | LinkageError e) {
            return;
        }
    }
}
