package dev.millrace.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Runs all cases in turn, round after round, each run in a process of its own, and prints one table of medians. Settings are
 * system properties: {@code bench.rounds} (3), {@code bench.cases} (all; names by comma), {@code bench.scale} (1: the share of
 * the records that is used), {@code bench.home} (target/bench: where the broker's data stay from one bench to the next).
 */
public final class Bench {

    private static final int PORT = 19092;
    private static final String SERVERS = "localhost:" + PORT;

    private final int rounds = Integer.getInteger("bench.rounds", 3);
    private final double scale = Double.parseDouble(System.getProperty("bench.scale", "1"));
    private final Path home = Path.of(System.getProperty("bench.home", "target/bench"));
    private final List<Case> cases;
    private final Map<String, List<Map<String, Double>>> results = new LinkedHashMap<>();
    private int runs;

    /**
     * What is run: a baseline where there is no workload.
     *
     * @param base the case whose CPU per row is 1
     */
    private record Case(
            String name, Rows rows, String workload, int threads, List<String> fields, String base, List<String> java) {}

    private Bench() {
        List<String> usual = List.of("-Xmx1g");
        List<String> tight = List.of("-Xmx512m");
        List<Case> all = List.of(
                new Case("raw ad-events", Rows.AD_EVENTS, null, 1, List.of(), "raw ad-events", usual),
                new Case(
                        "jackson ad-events",
                        Rows.AD_EVENTS,
                        null,
                        1,
                        List.of("ad_id", "event_type", "event_time"),
                        "raw ad-events",
                        usual),
                new Case("ysb", Rows.AD_EVENTS, "ysb", 1, List.of(), "raw ad-events", usual),
                new Case("ysb, 2 threads", Rows.AD_EVENTS, "ysb", 2, List.of(), "raw ad-events", usual),
                new Case("raw bids", Rows.BIDS, null, 1, List.of(), "raw bids", usual),
                new Case("q1", Rows.BIDS, "q1", 1, List.of(), "raw bids", usual),
                new Case("q2", Rows.BIDS, "q2", 1, List.of(), "raw bids", usual),
                new Case("q2, 2 threads", Rows.BIDS, "q2", 2, List.of(), "raw bids", usual),
                new Case("q5", Rows.BIDS, "q5", 1, List.of(), "raw bids", usual),
                new Case("raw words", Rows.WORDS, null, 1, List.of(), "raw words", usual),
                new Case("words", Rows.WORDS, "words", 1, List.of(), "raw words", usual),
                new Case("raw keys", Rows.KEYS_10K, null, 1, List.of(), "raw keys", usual),
                new Case("keys-10k", Rows.KEYS_10K, "keys-10k", 1, List.of(), "raw keys", tight),
                new Case("keys-10k-zipf", Rows.KEYS_10K_ZIPF, "keys-10k-zipf", 1, List.of(), "raw keys", tight),
                new Case("keys-1m", Rows.KEYS_1M, "keys-1m", 1, List.of(), "raw keys", tight),
                new Case("keys-1m-zipf", Rows.KEYS_1M_ZIPF, "keys-1m-zipf", 1, List.of(), "raw keys", tight),
                new Case("keys-10m", Rows.KEYS_10M, "keys-10m", 1, List.of(), "raw keys", tight),
                new Case("keys-10m-zipf", Rows.KEYS_10M_ZIPF, "keys-10m-zipf", 1, List.of(), "raw keys", tight));
        String wanted = System.getProperty("bench.cases", "");
        Set<String> names = Set.of(wanted.split("\\s*,\\s*(?!2 threads)"));
        cases = all.stream()
                .filter(c -> wanted.isEmpty() || names.contains(c.name()))
                .toList();
    }

    public static void main(String[] arguments) throws Exception {
        new Bench().run();
    }

    private void run() throws Exception {
        Files.createDirectories(home);
        Process broker = broker();
        try {
            awaitBroker();
            for (Rows rows : Rows.values()) {
                if (cases.stream().anyMatch(c -> c.rows() == rows)) {
                    Topics.fill(SERVERS, rows, count(rows));
                }
            }
            for (int round = 1; round <= rounds; round++) {
                for (Case c : cases) {
                    Map<String, Double> figures = c.workload() == null ? baseline(c) : engine(c);
                    results.computeIfAbsent(c.name(), name -> new ArrayList<>()).add(figures);
                    System.out.printf(
                            "round %d  %-18s %7.2f M rows/s  %6.3f CPU s/M in the middle%n",
                            round, c.name(), figures.get("rateMiddle") / 1e6, figures.get("cpuMiddle"));
                }
            }
            report();
        } finally {
            broker.descendants().forEach(ProcessHandle::destroy);
            broker.destroy();
            broker.waitFor(30, TimeUnit.SECONDS);
        }
    }

    private long count(Rows rows) {
        return (long) (rows.count() * scale);
    }

    private Process broker() throws IOException {
        return new ProcessBuilder(
                        "./millrace", "kafka", "--port", String.valueOf(PORT), "--data", home.resolve("kafka").toString())
                .redirectErrorStream(true)
                .redirectOutput(home.resolve("broker.log").toFile())
                .start();
    }

    private static void awaitBroker() throws InterruptedException {
        for (int i = 0; i < 600; i++) {
            try {
                new Socket("localhost", PORT).close();
                TimeUnit.SECONDS.sleep(2);
                return;
            } catch (IOException e) {
                TimeUnit.MILLISECONDS.sleep(200);
            }
        }
        throw new IllegalStateException("the broker does not start");
    }

    private Map<String, Double> baseline(Case c) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(SERVERS, c.rows().topic(), String.valueOf(count(c.rows()))));
        arguments.addAll(c.fields());
        return child(RawConsumer.class.getName(), c, arguments);
    }

    /** A run under a name of its own, so that it starts from nothing. */
    private Map<String, Double> engine(Case c) throws Exception {
        String name = c.workload() + "-run-" + ++runs + "-" + System.currentTimeMillis() % 1_000_000;
        Path workloads = Path.of("src/bench/workloads");
        Path directory = Files.createDirectories(home.resolve("run"));
        Files.write(directory.resolve("ads.csv"), Files.readAllBytes(workloads.resolve("ads.csv")));
        String yaml = Files.readString(workloads.resolve(c.workload() + ".yaml"))
                .replace("localhost:9092", SERVERS)
                .replace("metadata: {name: " + c.workload() + "}", "metadata: {name: " + name + "}")
                .replace("topic: " + c.workload() + "-out", "topic: " + name + "-out")
                .replace("trigger: {", "trigger: {availableNow: true, ");
        Path file = Files.writeString(directory.resolve(name + ".yaml"), yaml);
        Topics.create(SERVERS, name + "-out", Topics.PARTITIONS);
        Path state = directory.resolve(name);
        try {
            List<String> arguments = List.of(
                    file.toString(), state.toString(), String.valueOf(count(c.rows())), String.valueOf(c.threads()));
            return child("dev.millrace.cli.EngineRun", c, arguments);
        } finally {
            delete(state);
            Files.delete(file);
            Topics.delete(SERVERS, Set.of(name + "-out", "millrace." + name + "-progress", "millrace." + name + "-journal"));
        }
    }

    private static void delete(Path tree) throws IOException {
        if (Files.exists(tree)) {
            try (Stream<Path> paths = Files.walk(tree)) {
                for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    private Map<String, Double> child(String main, Case c, List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(c.java());
        command.add("-Djava.util.logging.manager=org.jboss.logmanager.LogManager");
        String extra = System.getProperty("bench.java", "");
        if (!extra.isEmpty()) {
            command.addAll(List.of(extra.split(" ")));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command)
                .redirectError(home.resolve("child.err").toFile())
                .start();
        String line = process.inputReader()
                .lines()
                .filter(l -> l.startsWith("FIGURES "))
                .findFirst()
                .orElse(null);
        process.waitFor();
        if (line == null) {
            throw new IllegalStateException(c.name() + " failed: " + Files.readString(home.resolve("child.err")));
        }
        Map<String, Double> figures = new LinkedHashMap<>();
        JsonNode json = new ObjectMapper().readTree(line.substring("FIGURES ".length()));
        json.properties().forEach(field -> figures.put(field.getKey(), field.getValue().asDouble()));
        return figures;
    }

    private void report() throws IOException {
        Report report = new Report();
        for (Case c : cases) {
            report.add(c.name(), results.get(c.name()), results.get(c.base()));
        }
        System.out.println(report.table());
        Files.writeString(home.resolve("table.md"), report.table());
    }
}
