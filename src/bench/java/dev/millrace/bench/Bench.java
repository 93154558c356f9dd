package dev.millrace.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs all cases in turn, round after round, each run in a process of its own, and prints one table of medians. Settings are
 * system properties: {@code bench.rounds} (3), {@code bench.cases} (all; names by comma), {@code bench.scale} (1: the share of
 * the records that is used), {@code bench.record} (false: whether the ratios and their picture replace those that are checked
 * in, with which they are compared otherwise), {@code bench.home} (target/bench: where the broker's data stay from one bench to the next).
 */
public final class Bench {

    private static final int PORT = 19092;
    private static final String SERVERS = "localhost:" + PORT;

    private final int rounds = Integer.getInteger("bench.rounds", 3);
    private final double scale = Double.parseDouble(System.getProperty("bench.scale", "1"));
    private final Path home = Path.of(System.getProperty("bench.home", "target/bench"));
    private static final Path RECORDED = Path.of("src/bench/ratios.csv");
    private static final List<String> USUAL = List.of("-Xmx1g");

    /** As the launcher starts it. */
    private static final List<String> ENGINE = List.of("-Xmx1g", "-XX:+UseSerialGC");
    private static final List<String> TIGHT = List.of("-Xmx512m", "-XX:+UseSerialGC");
    private final Set<String> names;
    private final boolean everything;
    private final List<Case> cases;
    private final Map<String, List<Map<String, Double>>> results = new LinkedHashMap<>();
    private final List<String> notes = new ArrayList<>();
    private int runs;

    /**
     * What is run: a baseline where there is no workload.
     *
     * @param base the case whose CPU per row is 1
     */
    private record Case(
            String name,
            Rows rows,
            String topic,
            int partitions,
            String workload,
            int threads,
            List<String> fields,
            String base,
            List<String> java) {

        static Case raw(String name, Rows rows, String... fields) {
            return new Case(name, rows, rows.topic(), 4, null, 1, List.of(fields), "raw " + rows.topic(), USUAL);
        }

        static Case query(String workload, Rows rows) {
            return new Case(workload, rows, rows.topic(), 4, workload, 1, List.of(), "raw " + rows.topic(), ENGINE);
        }

        static Case keys(String workload, Rows rows) {
            return new Case(workload, rows, rows.topic(), 4, workload, 1, List.of(), "raw keys-10k", TIGHT);
        }

        Case twoThreads() {
            return new Case(name + ", 2 threads", rows, topic, partitions, workload, 2, fields, base, java);
        }

        Case partitions(int count) {
            String text = count + (count == 1 ? " partition" : " partitions");
            return new Case(
                    name + ", " + text, rows, topic + "-" + count, count, workload, threads, fields, base, java);
        }
    }

    private Bench() {
        List<Case> all = List.of(
                Case.raw("raw ad-events", Rows.AD_EVENTS),
                Case.raw("jackson ad-events", Rows.AD_EVENTS, "ad_id", "event_type", "event_time"),
                Case.query("ysb", Rows.AD_EVENTS),
                Case.query("ysb", Rows.AD_EVENTS).twoThreads(),
                Case.raw("raw bids", Rows.BIDS),
                Case.raw("raw bids", Rows.BIDS).partitions(1),
                Case.raw("raw bids", Rows.BIDS).partitions(64),
                Case.query("q1", Rows.BIDS),
                Case.query("q2", Rows.BIDS),
                Case.query("q2", Rows.BIDS).twoThreads(),
                Case.query("q2", Rows.BIDS).partitions(1),
                Case.query("q2", Rows.BIDS).partitions(64),
                Case.query("q5", Rows.BIDS),
                Case.raw("raw words", Rows.WORDS),
                Case.query("words", Rows.WORDS),
                Case.raw("raw keys-10k", Rows.KEYS_10K),
                Case.keys("keys-10k", Rows.KEYS_10K),
                Case.keys("keys-10k-zipf", Rows.KEYS_10K_ZIPF),
                Case.keys("keys-1m", Rows.KEYS_1M),
                Case.keys("keys-1m-zipf", Rows.KEYS_1M_ZIPF),
                Case.keys("keys-10m", Rows.KEYS_10M),
                Case.keys("keys-10m-zipf", Rows.KEYS_10M_ZIPF));
        String wanted = System.getProperty("bench.cases", "");
names = Arrays.stream(wanted.split(",(?!\\s*(2 threads|1 partition|64 partitions))"))
                .map(String::strip)
                .collect(Collectors.toSet());
        everything = wanted.isEmpty();
        cases = all.stream().filter(c -> wanted(c.name())).toList();
    }

    private boolean wanted(String name) {
        return everything || names.contains(name);
    }

    public static void main(String[] arguments) throws Exception {
        new Bench().run();
    }

    private void run() throws Exception {
        Files.createDirectories(home);
        jmh();
        Process broker = broker();
        try {
            awaitBroker();
            for (Case c : cases) {
                Topics.fill(SERVERS, c.rows(), c.topic(), c.partitions(), count(c.rows()));
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
            startUp();
            latency("latency at 20 K rows/s", 20_000);
            latency("latency at 100 K rows/s", 100_000);
            latency("latency at 300 K rows/s", 300_000);
            restart("restart", "keys-10m");
            restart("restart with wide rows", "keys-10m-wide");
            pauses();
            soak();
            report();
        } finally {
            broker.descendants().forEach(ProcessHandle::destroy);
            broker.destroy();
            broker.waitFor(30, TimeUnit.SECONDS);
        }
    }

    /** Single steps; their figures are printed by JMH itself. */
    private void jmh() throws Exception {
        if (wanted("jmh")) {
            String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
            new ProcessBuilder(java, "-cp", System.getProperty("java.class.path"), "org.openjdk.jmh.Main")
                    .inheritIO()
                    .start()
                    .waitFor();
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
        List<String> arguments = new ArrayList<>(List.of(SERVERS, c.topic(), String.valueOf(count(c.rows()))));
        arguments.addAll(c.fields());
        return child(RawConsumer.class.getName(), c, arguments);
    }

    /** A query under a name of its own, so that it starts from nothing. */
    private final class Query implements AutoCloseable {
        private final String name;
        private final Path file;
        private final Path state;

        Query(String workload, String topic, String trigger) throws Exception {
            name = workload + "-run-" + ++runs + "-" + System.currentTimeMillis() % 1_000_000;
            Path workloads = Path.of("src/bench/workloads");
            Path directory = Files.createDirectories(home.resolve("run"));
            Files.write(directory.resolve("ads.csv"), Files.readAllBytes(workloads.resolve("ads.csv")));
            String yaml = Files.readString(workloads.resolve(workload + ".yaml"))
                    .replace("localhost:9092", SERVERS)
                    .replace("metadata: {name: " + workload + "}", "metadata: {name: " + name + "}")
                    .replaceFirst("kafka: \\{topic: [^}]*\\}", "kafka: {topic: " + topic + "}")
                    .replace("topic: " + workload + "-out", "topic: " + output())
                    .replaceFirst("trigger: \\{(.*)\\}", "trigger: {" + trigger + "}");
            file = Files.writeString(directory.resolve(name + ".yaml"), yaml);
            state = directory.resolve(name);
            Topics.create(SERVERS, output(), Topics.PARTITIONS);
        }

        String output() {
            return name + "-out";
        }

        @Override
        public void close() throws IOException {
            delete(state);
            Files.delete(file);
            Topics.delete(SERVERS, Set.of(output(), "millrace." + name + "-progress", "millrace." + name + "-journal"));
        }
    }

    private Map<String, Double> engine(Case c) throws Exception {
        try (Query query = new Query(c.workload(), c.topic(), "availableNow: true, $1")) {
            List<String> arguments = List.of(
                    query.file.toString(),
                    query.state.toString(),
                    String.valueOf(count(c.rows())),
                    String.valueOf(c.threads()));
            return child("dev.millrace.cli.EngineRun", c, arguments);
        }
    }

    private void startUp() throws Exception {
        if (!wanted("start-up")) {
            return;
        }
        String workload = "src/bench/workloads/ysb.yaml";
        StartUp.seconds(null, "./millrace", "validate", workload);
        measured("validate", "s", 5, () -> StartUp.seconds(null, "./millrace", "validate", workload));
        measured(
                "run to the first row",
                "s",
                5,
                () -> StartUp.seconds("upsert", "./millrace", "run", "k8s-examples/wordcount.yaml"));
    }

    private void latency(String name, int rowsPerSecond) throws Exception {
        if (!wanted(name)) {
            return;
        }
        String topic = "latency-" + System.currentTimeMillis();
        Topics.create(SERVERS, topic, Topics.PARTITIONS, Map.of("message.timestamp.type", "LogAppendTime"));
        try (Query query = new Query("ysb", topic, "commitInterval: 50ms");
                EngineProcess engine = new EngineProcess(ENGINE, query.file, query.state)) {
            engine.awaitRunning();
            Latency latency = new Latency(SERVERS, topic, query.output(), Path.of("src/bench/workloads/ads.csv"));
            long[] found = latency.measure(rowsPerSecond, Duration.ofSeconds(Long.getLong("bench.latency.seconds", 30)));
            note(name, Latency.describe(found) + " (" + found.length + " events)");
        } finally {
            Topics.delete(SERVERS, Set.of(topic));
        }
    }

    private void restart(String name, String workload) throws Exception {
        if (!wanted(name)) {
            return;
        }
        Topics.fill(SERVERS, Rows.KEYS_10M, Rows.KEYS_10M.topic(), Topics.PARTITIONS, count(Rows.KEYS_10M));
        try (Query query = new Query(workload, Rows.KEYS_10M.topic(), "$1")) {
            Restart.Figures figures = new Restart(query.file, query.state).measure(count(Rows.KEYS_10M) * 8 / 10);
            note(
                    name + " after kill -9, to the next epoch",
                    String.format(
                            "%.1f s with %.0f MB of state; peak memory before %.0f MB",
                            figures.seconds(), figures.stateMb(), figures.peakMb()));
        }
    }

    private void pauses() throws Exception {
        String name = "checkpoints";
        if (!wanted(name)) {
            return;
        }
        Topics.fill(SERVERS, Rows.KEYS_10M, Rows.KEYS_10M.topic(), Topics.PARTITIONS, count(Rows.KEYS_10M));
        try (Query query = new Query("keys-10m", Rows.KEYS_10M.topic(), "$1")) {
            Files.writeString(query.file, Files.readString(query.file) + "  state: {checkpoint: {interval: 5s}}\n");
            try (EngineProcess engine = new EngineProcess(TIGHT, query.file, query.state)) {
                note(name, Pauses.measure(engine, count(Rows.KEYS_10M) * 9 / 10));
            }
        }
    }

    private void soak() throws Exception {
        String name = "ten minutes";
        if (!wanted(name)) {
            return;
        }
        String topic = "soak-" + System.currentTimeMillis();
        Topics.create(SERVERS, topic, Topics.PARTITIONS, Map.of("retention.bytes", "200000000", "segment.bytes", "50000000"));
        try (Query query = new Query("ysb", topic, "commitInterval: 100ms");
                EngineProcess engine = new EngineProcess(ENGINE, query.file, query.state)) {
            engine.awaitRunning();
            Duration time = Duration.ofSeconds(Long.getLong("bench.soak.seconds", 600));
            List<Double> costs = Soak.measure(engine, SERVERS, topic, 100_000, time);
            String all = costs.stream().map(cost -> String.format("%.2f", cost)).collect(Collectors.joining(", "));
            note(name + " of ysb at 100 K rows/s", "CPU s per M rows by tenth: " + all);
        } finally {
            Topics.delete(SERVERS, Set.of(topic));
        }
    }

    private interface Measure {
        double take() throws Exception;
    }

    private void measured(String name, String unit, int times, Measure measure) throws Exception {
        double[] values = new double[times];
        for (int i = 0; i < times; i++) {
            values[i] = measure.take();
        }
        Arrays.sort(values);
        note(name, String.format("%.2f %s (%.2f–%.2f)", values[times / 2], unit, values[0], values[times - 1]));
    }

    private void note(String name, String text) {
        System.out.println(name + ": " + text);
        notes.add("| " + name + " | " + text + " |");
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
        String text = report.table() + (notes.isEmpty() ? "" : "\n| | |\n|---|---|\n" + String.join("\n", notes) + "\n");
        System.out.println(text);
        Files.writeString(home.resolve("table.md"), text);
        Files.writeString(home.resolve("performance.svg"), report.ratios().svg());
        report.ratios().slowerThan(Ratios.read(RECORDED)).forEach(System.out::println);
        if (Boolean.getBoolean("bench.record")) {
            report.ratios().write(RECORDED);
            Files.writeString(Path.of("docs/performance.svg"), report.ratios().svg());
        }
    }
}
