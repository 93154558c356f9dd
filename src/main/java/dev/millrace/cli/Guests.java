package dev.millrace.cli;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.GuestSlot;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.serving.QueryStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The slots that this process runs beside its own, while there is no room for a pod of theirs: those that a file names. Each is a
 * run like any other, with an incarnation and a directory of its own, which it leaves behind only when the process ends: a process
 * that is started again goes on with them.
 */
final class Guests {

    private static final long LOOK_MILLIS = 500;
    private static final long PATIENCE_MILLIS = 30_000;

    private final Path file;
    private final Path directory;
    private final Host host;
    private final Map<GuestSlot, Guest> guests = new HashMap<>();
    private String problem = "";
    private boolean stopping;

    /** What a guest is run in. */
    interface Host {

        /** The slot's run, on a state in this directory. */
        QueryRun run(GuestSlot slot, Path state);

        QueryStatus status(GuestSlot slot, QueryRun run);

        /** From now on its figures are to be seen, or no more. */
        void show(QueryStatus status, boolean shown);

        void notice(String text);
    }

    /**
     * @param file names the slots; it need not exist yet
     * @param directory for their states
     */
    Guests(Path file, Path directory, Host host) {
        this.file = file;
        this.directory = directory;
        this.host = host;
    }

    /** Looks at the file until the process ends. */
    void start() {
        Thread thread = new Thread(this::watch, "guests");
        thread.setDaemon(true);
        thread.start();
    }

    private void watch() {
        try {
            while (look()) {
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns whether to look again. */
    private synchronized boolean look() {
        if (stopping) {
            return false;
        }
        try {
            List<GuestSlot> wanted = Files.exists(file) ? GuestSlot.parse(Files.readString(file)) : List.of();
            guests.forEach((slot, guest) -> guest.wanted(wanted.contains(slot)));
            guests.values().removeIf(Guest::isGone);
            forgetOthers(wanted);
            for (GuestSlot slot : wanted) {
                boolean before = guests.keySet().stream().anyMatch(guest -> guest.slot() == slot.slot());
                if (!before) { // an older run of the slot ends first
                    Guest guest = new Guest(slot);
                    guests.put(slot, guest);
                    guest.start();
                }
            }
            problem = "";
        } catch (IOException | RuntimeException e) { // of the file, the disk, or what a run cannot be made of
            String text = "guests of " + file + ": " + e + "; trying again";
            if (!text.equals(problem)) {
                host.notice(text);
            }
            problem = text;
        }
        return true;
    }

    /** States of slots that this process runs no more, or has run before it was started again. */
    private void forgetOthers(List<GuestSlot> wanted) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        Set<String> here = Stream.concat(guests.keySet().stream(), wanted.stream())
                .map(Guests::name)
                .collect(Collectors.toSet());
        try (Stream<Path> states = Files.list(directory)) {
            states.filter(state -> !here.contains(state.getFileName().toString()))
                    .forEach(Signals::deleteTree);
        }
    }

    private static String name(GuestSlot slot) {
        return slot.slot() + "-" + slot.incarnation();
    }

    /** Asks all to end, and waits for their last checkpoints. */
    void stop() throws InterruptedException {
        List<Guest> all;
        synchronized (this) {
            stopping = true;
            all = new ArrayList<>(guests.values());
        }
        all.forEach(guest -> guest.run.stop());
        long until = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
        for (Guest guest : all) {
            guest.thread.join(Math.max(1, (until - System.nanoTime()) / 1_000_000));
        }
    }

    /** One slot's run. It stays as it has ended until the file names it no more. */
    private final class Guest {
        private final GuestSlot slot;
        private final QueryRun run;
        private final QueryStatus status;
        private final Thread thread;
        private boolean shown;

        Guest(GuestSlot slot) {
            this.slot = slot;
            this.run = host.run(slot, directory.resolve(name(slot)));
            this.status = host.status(slot, run);
            this.thread = new Thread(this::execute, "guest-" + slot.slot());
            thread.setDaemon(true);
        }

        void start() {
            host.notice("slot " + slot.slot() + " runs here too, with incarnation " + slot.incarnation());
            host.show(status, true);
            shown = true;
            thread.start();
        }

        private void execute() {
            try {
                EngineOutcome outcome =
                        Endings.of(run, slot.incarnation(), text -> host.notice("slot " + slot.slot() + ": " + text));
                run.metrics().incarnation(outcome.incarnation());
                run.metrics().ended(outcome.end(), outcome.code(), outcome.message());
                host.notice("slot " + slot.slot() + " runs here no more: " + outcome.end()
                        + (outcome.message().isEmpty() ? "" : ", " + outcome.message()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (Throwable e) { // an error that would end a process of its own
                run.metrics().ended(Endings.CRASHED, "InternalError", e.toString());
                host.notice("slot " + slot.slot() + " runs here no more: " + e);
            }
        }

        void wanted(boolean wanted) {
            if (wanted) {
                return;
            }
            run.stop();
            if (shown && !thread.isAlive()) {
                host.show(status, false);
                shown = false;
            }
        }

        /** Ended, and asked to. */
        boolean isGone() {
            return !shown;
        }
    }
}
