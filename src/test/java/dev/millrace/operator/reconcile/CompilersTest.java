package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.Verdict;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class CompilersTest {

    private static final String DOCUMENT =
            "{\"apiVersion\": \"millrace.dev/v1alpha1\", \"kind\": \"StreamingQuery\", \"metadata\": {\"name\": \"q\"},"
                    + " \"spec\": {\"sources\": [{\"name\": \"lines\", \"datagen\": {\"kind\": \"words\"}}],"
                    + " \"query\": \"SELECT line FROM lines\","
                    + " \"sinks\": [{\"name\": \"out\", \"outputMode\": \"append\", \"console\": {}}]}}";

    @Test
    void aQueryThatTakesTooMuchOfAProcessorIsRefused() {
        try (Compilers compilers = new Compilers(Duration.ofMillis(10))) {
            List<ProcessHandle> before = ProcessHandle.current().children().toList();
            Verdict verdict = compilers.compile(DOCUMENT);
            assertEquals("PlanTooLarge", verdict.problems().get(0).code());
            Awaitility.await("what hangs is not asked again")
                    .until(() -> ProcessHandle.current().children().allMatch(before::contains));
        }
    }

    @Test
    void aMachineThatIsShortOfProcessorsIsNoFaultOfTheQuery() throws Exception {
        try (Compilers compilers = new Compilers(Duration.ofSeconds(6))) {
            List<ProcessHandle> before = ProcessHandle.current().children().toList();
            CompletableFuture<Verdict> verdict = CompletableFuture.supplyAsync(() -> compilers.compile(DOCUMENT));
            ProcessHandle child = awaitChild(before);
            signal("STOP", child);
            Thread.sleep(7_000);
            assertTrue(!verdict.isDone(), "it stands still");
            signal("CONT", child);
            assertTrue(verdict.get(60, TimeUnit.SECONDS).accepted());
            String command = Files.readString(Path.of("/proc/" + child.pid() + "/cmdline"));
            assertTrue(command.contains("-Xmx192m") && command.contains("-XX:+ExitOnOutOfMemoryError"), command);
        }
    }

    private static ProcessHandle awaitChild(List<ProcessHandle> before) throws InterruptedException {
        while (true) {
            for (ProcessHandle child : ProcessHandle.current().children().toList()) {
                if (!before.contains(child)) {
                    return child;
                }
            }
            Thread.sleep(10);
        }
    }

    private static void signal(String name, ProcessHandle process) throws Exception {
        assertEquals(
                0,
                new ProcessBuilder("kill", "-" + name, "" + process.pid())
                        .start()
                        .waitFor());
    }
}
