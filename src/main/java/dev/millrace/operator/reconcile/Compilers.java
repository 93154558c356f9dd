package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.Verdict;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Child processes that compile. One that has nothing to do for a while ends; so does one that takes too long. */
final class Compilers implements AutoCloseable {

    /** Of a processor: on a machine that is short of them a simple query takes long too. */
    private static final Duration CPU = Duration.ofSeconds(30);

    /** Of the clock. */
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private static final Duration IDLE = Duration.ofSeconds(30);

    /** After so many queries a child is replaced: nothing that it keeps by mistake grows for ever. */
    private static final int QUERIES = 200;

    /** The code of a verdict that says nothing about the query. */
    static final String FAILED = "CompilerFailed";

    /** Options of this process that a child takes over: the class-data archive, with which it starts sooner, and logs. */
    private static final List<String> TAKEN_OVER =
            List.of("-XX:SharedArchiveFile=", "-Xshare:", "-Xlog:", "-Djava.util.logging.manager=");

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Duration cpu;
    private final Deque<Child> idle = new ArrayDeque<>();
    private final ScheduledExecutorService janitor = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "compilers");
        thread.setDaemon(true);
        return thread;
    });

    /** A process that answers a line for a line. */
    private static final class Child {
        private final Process process;
        private final BufferedReader answers;
        private int compiled;
        private long idleSince;

        Child() throws IOException {
            String java =
                    Path.of(System.getProperty("java.home"), "bin", "java").toString();
            List<String> command = new ArrayList<>(List.of(
                    java, "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"));
            ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                    .filter(option -> TAKEN_OVER.stream().anyMatch(option::startsWith))
                    .forEach(command::add);
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.millrace.cli.Main", "compile"));
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        }

        /** What it has used; nothing where the system does not tell. */
        Duration cpu() {
            return process.info().totalCpuDuration().orElse(Duration.ZERO);
        }

        String ask(String line) throws IOException {
            compiled++;
            OutputStream in = process.getOutputStream();
            in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            in.flush();
            return answers.readLine();
        }
    }

    Compilers() {
        this(CPU);
    }

    /**
     * @param cpu what a query may take of a processor
     */
    Compilers(Duration cpu) {
        this.cpu = cpu;
        janitor.scheduleWithFixedDelay(this::endIdle, IDLE.toSeconds(), IDLE.toSeconds(), TimeUnit.SECONDS);
    }

    static Verdict refused(String code, String message) {
        return Verdict.refused(List.of(new Verdict.Finding(code, "spec.query", message)));
    }

    /** Whether a verdict says nothing about the query. */
    static boolean gaveNone(Verdict verdict) {
        return !verdict.accepted() && verdict.problems().get(0).code().equals(FAILED);
    }

    /**
     * @param document one line
     */
    Verdict compile(String document) {
        Child child = null;
        boolean reusable = false;
        try {
            child = take();
            Child asked = child;
            CompletableFuture<String> answer = CompletableFuture.supplyAsync(() -> {
                try {
                    return asked.ask(document);
                } catch (IOException e) {
                    return null;
                }
            });
            Duration before = child.cpu();
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!answered(answer)) {
                if (child.cpu().minus(before).compareTo(cpu) > 0) {
                    return refused(
                            "PlanTooLarge",
                            "compiling took longer than " + cpu.toSeconds() + " s; make the SQL simpler");
                }
                if (System.nanoTime() > deadline) {
                    return refused(
                            FAILED,
                            "the compiler gave no verdict within " + PATIENCE.toMinutes()
                                    + " min: the operator has too little CPU");
                }
            }
            String line = answer.get();
            if (line == null) {
                return died(child);
            }
            reusable = child.compiled < QUERIES;
            return MAPPER.readValue(line, Verdict.class);
        } catch (IOException | ExecutionException e) {
            return refused(FAILED, "the compiler gave no verdict: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return refused(FAILED, "the operator is stopping");
        } finally {
            giveBack(child, reusable);
        }
    }

    /** Waits for a moment. */
    private static boolean answered(CompletableFuture<String> answer) throws InterruptedException, ExecutionException {
        try {
            answer.get(1, TimeUnit.SECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        }
    }

    /** Of memory, a child ends with a status of its own; one that had compiled others says nothing of this query. */
    private static Verdict died(Child child) throws InterruptedException {
        boolean ended = child.process.waitFor(1, TimeUnit.SECONDS);
        boolean memory = ended && child.process.exitValue() == Pods.OUT_OF_HEAP;
        return memory && child.compiled == 1
                ? refused("PlanTooLarge", "the compiler ran out of memory; make the SQL simpler")
                : refused(FAILED, "the compiler ended" + (ended ? " with status " + child.process.exitValue() : ""));
    }

    private Child take() throws IOException {
        synchronized (idle) {
            if (!idle.isEmpty()) {
                return idle.pop();
            }
        }
        return new Child();
    }

    private void giveBack(Child child, boolean reusable) {
        if (child == null) {
            return;
        }
        if (!reusable) {
            child.process.destroyForcibly();
            return;
        }
        child.idleSince = System.nanoTime();
        synchronized (idle) {
            idle.push(child);
        }
    }

    private void endIdle() {
        synchronized (idle) {
            idle.removeIf(child -> {
                boolean end = System.nanoTime() - child.idleSince > IDLE.toNanos();
                if (end) {
                    child.process.destroy();
                }
                return end;
            });
        }
    }

    @Override
    public void close() {
        janitor.shutdownNow();
        synchronized (idle) {
            idle.forEach(child -> child.process.destroyForcibly());
            idle.clear();
        }
    }
}
