package dev.millrace.cli;

import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.RecordJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Slots of a query as processes, and what their logs say. */
final class SlotProcess {

    /** A record of a log, and when it was written. */
    record Logged(ProgressRecord record, long millis) {

        /** The key groups that the slot owns. */
        List<Integer> own() {
            return record.exchange() == null ? List.of() : record.exchange().own();
        }
    }

    private SlotProcess() {}

    static Process start(Path file, int slot, Path division, Path state, Path log, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                KafkaBroker.launcher(),
                "run",
                file.toString(),
                "--slot",
                slot + "/" + (slot + 1),
                "--division",
                division.toString(),
                "--state",
                state.toString()));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    /** All that is committed. */
    static List<Logged> log(KafkaBroker broker, String query, int slot) {
        List<Logged> log = new ArrayList<>();
        broker.read("millrace." + query + "-progress" + (slot == 0 ? "" : "-" + slot), record -> {
            byte[] json = record.value().getBytes(StandardCharsets.UTF_8);
            log.add(new Logged(RecordJson.read(json), record.timestamp()));
        });
        return log;
    }
}
