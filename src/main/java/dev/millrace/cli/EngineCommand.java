package dev.millrace.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineResources;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Problem;
import dev.millrace.engine.Slot;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.StoredPlan;
import dev.millrace.serving.HttpService;
import dev.millrace.serving.QueryStatus;
import dev.millrace.state.rocksdb.StateMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine;

/**
 * {@code millrace engine}: what a pod runs. It ends with status 0 where another start would end the same way, and says in
 * the termination message why; any other status asks to be started again.
 */
@CommandLine.Command(
        name = "engine",
        description = "Runs one query as a pod of the operator does.",
        mixinStandardHelpOptions = true)
final class EngineCommand implements Callable<Integer> {

    @CommandLine.Option(names = "--query", required = true, description = "the resource, one YAML document")
    private Path file;

    @CommandLine.Option(
            names = "--plan",
            description =
                    "the plan that the operator stored with the resource; compiled anew where there is no such file")
    private Path plan;

    @CommandLine.Option(names = "--state", required = true, description = "where state is kept")
    private Path state;

    @CommandLine.Option(names = "--secrets", required = true, description = "where secrets are mounted, by name")
    private Path secrets;

    @CommandLine.Option(
            names = "--incarnation",
            required = true,
            description = "the fencing number; a larger one stops all smaller ones")
    private long incarnation;

    @CommandLine.Option(
            names = "--slot",
            description =
                    "index/count: which of the processes that run the query together this is, and how many there are"
                            + " at least",
            converter = SlotOption.class)
    private Slot slot = Slot.ONLY;

    @CommandLine.Option(
            names = "--division",
            description =
                    "a file that says into how many slots the query is to be divided, as version/slots, and maybe where"
                            + " some key groups and partitions go, as"
                            + " version/slots/keyGroup:slot,…,source/partition:slot,…; it is read"
                            + " again and again")
    private Path division;

    @CommandLine.Option(
            names = "--standby",
            description =
                    "a file that names the incarnation that is to go on with the query: until that is this one, it follows"
                            + " the one before")
    private Path active;

    @CommandLine.Option(names = "--former", description = "a state id that the query had before; its writers are ended")
    private List<String> formerIds = List.of();

    @CommandLine.Option(
            names = "--savepoint",
            description = "<state id>/<name>: the savepoint that the state begins from, where there is none")
    private String savepoint;

    @CommandLine.Option(
            names = "--savepoints",
            description = "a file that says which savepoints to take and to drop; it is read again and again")
    private Path wishes;

    @CommandLine.Option(names = "--http", description = "[host:]port that serves metrics, progress and health")
    private String http = ":8080";

    @CommandLine.Option(names = "--termination-message", description = "the file that says how it ended")
    private Path message = Path.of("/dev/termination-log");

    private volatile boolean turn;

    @Override
    public Integer call() throws IOException, InterruptedException {
        Resources resources;
        try {
            resources = resources();
        } catch (StoredPlan.UnreadableException e) {
            report(new EngineOutcome("Failed", "PlanUnreadable", e.getMessage(), 0));
            return 0;
        }
        if (resources.report(System.err)) {
            report(new EngineOutcome("Failed", "Refused", "this engine does not accept the query: see its log", 0));
            return 0;
        }
        Compilation query = resources.queries().get(0);
        if ((!slot.alone() || division != null) && refusesSlots(query)) {
            return 0;
        }
        if (active != null && refuses(StandbyRestrictions.of(query), StandbyRestrictions.CODE, "")) {
            return 0;
        }
        Assembly.History history =
                new Assembly.History(formerIds, Optional.ofNullable(savepoint).map(Assembly.SavepointName::of));
        PodMemory memory = new PodMemory(
                Optional.ofNullable(System.getenv(EngineResources.MEMORY)).map(Path::of));
        memory.start();
        QueryRun run = new QueryRun(
                assembly(query, state, memory.state(), slot, history).definition(),
                this::notice,
                FaultPoints.NONE,
                incarnation,
                this::isTurn);
        HttpService service = HttpService.start(
                http,
                List.of(new QueryStatus(
                        query.name(),
                        query.plan().id(),
                        slot.index(),
                        guests().isPresent(),
                        run.metrics(),
                        memory::now)));
        Optional<Guests> others = guests().map(named ->
                new Guests(named, state.resolveSibling("guests"), new GuestHost(query, memory, service)));
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            run.stop();
            try {
                if (others.isPresent()) {
                    others.get().stop();
                }
                ended.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        others.ifPresent(Guests::start);
        try {
            return execute(run);
        } finally {
            ended.countDown();
        }
    }

    private Assembly assembly(
            Compilation query, Path directory, StateMemory memory, Slot which, Assembly.History history) {
        return new Assembly(
                query,
                Assembly.Place.pod(
                        directory,
                        threads(),
                        memory,
                        secrets,
                        which,
                        which.equals(slot) ? Optional.ofNullable(wishes) : Optional.empty(),
                        Optional.ofNullable(division),
                        history));
    }

    /** Runs slots of the same query in this process, on the same memory. */
    private final class GuestHost implements Guests.Host {
        private final Compilation query;
        private final PodMemory memory;
        private final HttpService service;

        GuestHost(Compilation query, PodMemory memory, HttpService service) {
            this.query = query;
            this.memory = memory;
            this.service = service;
        }

        @Override
        public QueryRun run(GuestSlot guest, Path directory) {
            Slot which = new Slot(guest.slot(), guest.slot() + 1);
            Assembly.History history = new Assembly.History(formerIds, Optional.empty());
            return new QueryRun(
                    assembly(query, directory, memory.state(), which, history).definition(),
                    text -> notice("slot " + guest.slot() + ": " + text),
                    FaultPoints.NONE,
                    guest.incarnation(),
                    () -> true);
        }

        @Override
        public QueryStatus status(GuestSlot guest, QueryRun run) {
            return new QueryStatus(query.name(), query.plan().id(), guest.slot(), false, run.metrics(), memory::now);
        }

        @Override
        public void show(QueryStatus status, boolean shown) {
            if (shown) {
                service.add(status);
            } else {
                service.remove(status);
            }
        }

        @Override
        public void notice(String text) {
            EngineCommand.this.notice(text);
        }
    }

    /** The file that names slots to run beside its own, of an engine that may be divided. */
    private Optional<Path> guests() {
        return Optional.ofNullable(System.getenv(GuestSlot.FILE_VARIABLE))
                .filter(named -> division != null)
                .map(Path::of);
    }

    private boolean refusesSlots(Compilation query) throws IOException {
        String savepoints = savepoint != null && slot.index() > 0
                ? "slot 0 alone begins from a savepoint, and hands over of that to the others: leave --savepoint away"
                : "";
        return refuses(SlotRestrictions.of(query), SlotRestrictions.CODE, savepoints);
    }

    private boolean refuses(List<Problem> problems, String code, String otherwise) throws IOException {
        String why = problems.isEmpty() ? otherwise : problems.get(0).message();
        if (!why.isEmpty()) {
            report(new EngineOutcome("Failed", code, why, 0));
        }
        return !why.isEmpty();
    }

    /** Whether the operator has said that this incarnation goes on with the query; said once, it holds. */
    private boolean isTurn() {
        if (active == null || turn) {
            return true;
        }
        try {
            turn = Files.exists(active) && Files.readString(active).trim().equals(String.valueOf(incarnation));
        } catch (IOException e) {
            notice(active + " cannot be read (" + e.getMessage() + "); trying again");
        }
        return turn;
    }

    private Resources resources() throws IOException, StoredPlan.UnreadableException {
        if (plan == null || !Files.exists(plan)) {
            return Resources.compile(List.of(file));
        }
        QueryPlan stored = StoredPlan.read(Files.readString(plan));
        return Resources.read(List.of(file), (document, directory) -> Compilation.of(document, directory, stored));
    }

    /** As many as could use the CPU that the pod has, or may get while it runs. */
    private static int threads() {
        String told = System.getenv(EngineResources.THREADS);
        int cores = Runtime.getRuntime().availableProcessors();
        return told != null && told.matches("\\d{1,3}") ? Math.max(cores, Integer.parseInt(told)) : cores;
    }

    private int execute(QueryRun run) throws IOException, InterruptedException {
        EngineOutcome outcome = Endings.of(run, incarnation, this::notice);
        report(outcome);
        return outcome.end().equals(Endings.CRASHED) ? Main.FAILED : 0;
    }

    private void notice(String text) {
        System.err.println(text);
    }

    private void report(EngineOutcome outcome) throws IOException {
        String json = new ObjectMapper().writeValueAsString(outcome);
        System.err.println("ended: " + json);
        if (Files.isWritable(message)) {
            Files.writeString(message, json);
        }
    }
}
