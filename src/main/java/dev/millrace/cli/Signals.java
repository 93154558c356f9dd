package dev.millrace.cli;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/** What the operating system tells a command: interrupts and the terminal's size. */
final class Signals {

    private static final int DEFAULT_HEIGHT = 24;
    private static final int DEFAULT_WIDTH = 100;

    private Signals() {}

    /**
     * The first Ctrl-C begins an orderly end (by shutdown hooks); a second one ends the process at once. By reflection, since
     * the JDK's class for signals is not part of its public interface; without it the second Ctrl-C waits like the first.
     */
    static void secondInterruptHalts() {
        AtomicBoolean first = new AtomicBoolean(true);
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object onInterrupt = Proxy.newProxyInstance(
                    Signals.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> {
                        if (first.getAndSet(false)) {
                            new Thread(() -> System.exit(0), "millrace-exit").start();
                        } else {
                            Runtime.getRuntime().halt(130);
                        }
                        return null;
                    });
            Object interrupt = signal.getConstructor(String.class).newInstance("INT");
            signal.getMethod("handle", signal, handler).invoke(null, interrupt, onInterrupt);
        } catch (ReflectiveOperationException e) {
            // another JVM: its own handling of Ctrl-C stays
        }
    }

    static int terminalHeight() {
        return environment("LINES", DEFAULT_HEIGHT);
    }

    static int terminalWidth() {
        return environment("COLUMNS", DEFAULT_WIDTH);
    }

    private static int environment(String name, int otherwise) {
        String value = System.getenv(name);
        return value != null && value.matches("\\d{1,4}") ? Math.max(10, Integer.parseInt(value)) : otherwise;
    }

    static void deleteTree(Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            System.err.println(
                    "millrace: the temporary directory " + root + " could not be removed: " + e.getMessage());
        }
    }
}
