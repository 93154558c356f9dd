package dev.millrace.cli;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.Slot;
import dev.millrace.state.rocksdb.StateMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/** {@code millrace clean-up}: takes away what a deleted query, or a deleted savepoint, has outside of its namespace. */
@CommandLine.Command(
        name = "clean-up",
        description =
                "Deletes the internal topics and stored checkpoints of a query, as the operator does when it is deleted.",
        mixinStandardHelpOptions = true)
final class CleanUpCommand implements Callable<Integer> {

    @CommandLine.Option(names = "--query", required = true, description = "the resource, one YAML document")
    private Path file;

    @CommandLine.Option(names = "--secrets", required = true, description = "where secrets are mounted, by name")
    private Path secrets;

    @CommandLine.Option(names = "--former", description = "a state id that the query had before; it goes too")
    private List<String> formerIds = List.of();

    @CommandLine.Option(
            names = "--savepoint",
            description = "<state id>/<name>: takes away only this savepoint, of a query that does not run")
    private String savepoint;

    @CommandLine.Option(names = "--termination-message", description = "the file that says how it ended")
    private Path message = Path.of("/dev/termination-log");

    @Override
    public Integer call() throws IOException {
        Resources resources = Resources.read(List.of(file), Compilation::unplanned);
        if (resources.report(System.err)) {
            return Main.USAGE;
        }
        Assembly.History history = new Assembly.History(formerIds, Optional.empty());
        Assembly.Place place = Assembly.Place.pod(
                Path.of("/nowhere"),
                1,
                new StateMemory(0),
                secrets,
                Slot.ONLY,
                Optional.empty(),
                Optional.empty(),
                history);
        for (Compilation query : resources.queries()) {
            try {
                Assembly assembly = new Assembly(query, place);
                if (savepoint == null) {
                    assembly.cleanUp();
                } else {
                    assembly.cleanUp(Assembly.SavepointName.of(savepoint));
                }
            } catch (ConnectorException e) {
                System.err.println(e.getMessage());
                if (Files.isWritable(message)) {
                    Files.writeString(message, e.getMessage());
                }
                return Main.FAILED;
            }
        }
        return 0;
    }
}
