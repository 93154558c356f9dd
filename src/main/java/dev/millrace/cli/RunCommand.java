package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.connectors.console.ConsoleTable;
import dev.millrace.engine.Clock;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.Slot;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.serving.HttpService;
import dev.millrace.serving.QueryStatus;
import dev.millrace.state.StateHome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine;

/** {@code millrace run FILE…}. */
@CommandLine.Command(
        name = "run",
        description = "Runs the queries of YAML files on this machine, in this process.",
        mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {

    /** How progress is shown. */
    enum ProgressForm {
        auto,
        text,
        json,
        none
    }

    @CommandLine.Parameters(arity = "1..*", paramLabel = "FILE")
    private List<Path> files;

    @CommandLine.Option(
            names = "--state",
            description =
                    "where state is kept (default .millrace/state; a query whose only sinks are consoles keeps none)")
    private Path state;

    @CommandLine.Option(names = "--threads", description = "worker threads per query (default 1)", defaultValue = "1")
    private int threads;

    @CommandLine.Option(
            names = "--slot",
            paramLabel = "INDEX/COUNT",
            description =
                    "runs one of COUNT or more slots of each query (0/3, 1/3, 2/3), which share its work, each with a"
                            + " --state of its own, and exchange rows through Kafka",
            converter = SlotOption.class)
    private Slot slot = Slot.ONLY;

    @CommandLine.Option(
            names = "--division",
            paramLabel = "FILE",
            description =
                    "a file that says into how many slots the query is to be divided, as version/slots, and maybe where"
                            + " some key groups and partitions go, as"
                            + " version/slots/keyGroup:slot,…,source/partition:slot,…; it is read"
                            + " again and again, by one slot at least, and the greatest version counts for all")
    private Path division;

    @CommandLine.Option(names = "--progress", description = "auto, text, json or none", defaultValue = "auto")
    private ProgressForm progress;

    @CommandLine.Option(names = "--interval", description = "seconds between progress lines", defaultValue = "2")
    private int interval;

    @CommandLine.Option(names = "--http", description = "[host:]port that serves /metrics, /progress and /health")
    private String http;

    private final List<Path> temporary = new ArrayList<>();
    private final AtomicInteger away = new AtomicInteger();
    private int queries;

    @Override
    public Integer call() throws IOException, InterruptedException {
        Resources resources = Resources.compile(files);
        if (resources.report(System.err)) {
            return Main.USAGE;
        }
        if (threads < 1 || threads > 256) {
            System.err.println("millrace: --threads is between 1 and 256");
            return Main.USAGE;
        }
        if (!slot.alone() || division != null) {
            List<Problem> problems = resources.queries().stream()
                    .flatMap(query -> SlotRestrictions.of(query).stream())
                    .toList();
            if (!problems.isEmpty()) {
                problems.forEach(System.err::println);
                return Main.USAGE;
            }
        }
        boolean terminal = System.console() != null && System.getenv("TERM") != null;
        List<RunningQuery> runs = new ArrayList<>();
        queries = resources.queries().size();
        for (Compilation query : resources.queries()) {
            Warnings.of(query).forEach(warning -> System.err.println(Warnings.line(warning)));
            runs.add(new RunningQuery(query, terminal));
        }
        return run(runs, terminal);
    }

    private int run(List<RunningQuery> runs, boolean terminal) throws InterruptedException, IOException {
        AtomicInteger worst = new AtomicInteger();
        CountDownLatch ended = new CountDownLatch(runs.size());
        CountDownLatch summarised = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            runs.forEach(run -> run.run.stop());
            try {
                summarised.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            temporary.forEach(Signals::deleteTree);
        }));
        Signals.secondInterruptHalts();
        List<ProgressReporter.Subject> subjects = new ArrayList<>();
        runs.forEach(run -> subjects.add(new ProgressReporter.Subject(
                new QueryStatus(run.query.name(), run.query.plan().id(), slot.index(), run.run.metrics()), run.table)));
        ProgressReporter reporter = new ProgressReporter(subjects, form(terminal), interval);
        Runnable stopServing = serve(subjects);
        try {
            for (RunningQuery run : runs) {
                Thread thread = new Thread(
                        () -> {
                            worst.accumulateAndGet(run.execute(), Math::max);
                            away.incrementAndGet(); // for good, however it has ended
                            ended.countDown();
                        },
                        "query-" + run.query.name());
                thread.setDaemon(true);
                thread.start();
            }
            ended.await();
            reporter.summary();
        } finally {
            stopServing.run();
            summarised.countDown();
        }
        return worst.get();
    }

    private ProgressForm form(boolean terminal) {
        return progress != ProgressForm.auto ? progress : terminal ? ProgressForm.text : ProgressForm.none;
    }

    private Runnable serve(List<ProgressReporter.Subject> subjects) throws IOException {
        return http == null
                ? () -> {}
                : HttpService.start(
                        http,
                        subjects.stream().map(ProgressReporter.Subject::status).toList())::close;
    }

    /** One query of this process. */
    private final class RunningQuery {
        private final Compilation query;
        private final ConsoleTable table;
        private final QueryDefinition definition;
        private final QueryRun run;

        RunningQuery(Compilation query, boolean terminal) throws IOException {
            this.query = query;
            boolean console = query.query().spec().sinks().stream().anyMatch(sink -> sink.console() != null);
            this.table = console && terminal && progress != ProgressForm.json
                    ? new ConsoleTable(System.out, Signals.terminalHeight(), Signals.terminalWidth())
                    : null;
            Assembly assembly = new Assembly(
                    query,
                    Assembly.Place.local(directory(), threads, System.out, table, slot, Optional.ofNullable(division)));
            this.definition = assembly.definition();
            this.run = new QueryRun(definition, this::notice);
        }

        private void notice(String text) {
            System.err.println("query '" + query.name() + "': " + text);
        }

        /** Queries that only show something start anew each time. */
        private Path directory() throws IOException {
            boolean keeps = query.query().spec().sinks().stream().anyMatch(sink -> sink.console() == null);
            if (state == null && !keeps) {
                Path kept = Files.createTempDirectory("millrace-");
                temporary.add(kept);
                return kept;
            }
            Path base = state == null ? Path.of(".millrace", "state") : state;
            return base.resolve(Assembly.stateId(query.query()));
        }

        /** Waits while other queries of this process go on; returns whether the slot is wanted again. */
        private boolean awaitReturn() {
            away.incrementAndGet();
            try {
                while (away.get() < queries && !run.isStopping()) {
                    if (definition.division().get().slots() > slot.index()) {
                        return true;
                    }
                    Clock.SYSTEM.sleep(200);
                }
                return false;
            } finally {
                away.decrementAndGet();
            }
        }

        private int execute() {
            try {
                while (run.run() == QueryRun.End.LEFT) {
                    notice("slot " + slot.index() + " has handed over what it had");
                    if (!awaitReturn()) {
                        break;
                    }
                }
                return 0;
            } catch (QueryException e) {
                System.err.println("query '" + query.name() + "' stopped: " + e.code() + ": " + e.getMessage());
                return Main.FAILED;
            } catch (StateHome.StateInUseException e) {
                System.err.println("query '" + query.name() + "' cannot start: InUse: " + e.getMessage());
                return Main.FAILED;
            } catch (RuntimeException e) {
                System.err.println("query '" + query.name() + "' stopped by an internal error, please report it: " + e);
                e.printStackTrace();
                return Main.FAILED;
            }
        }
    }
}
