package dev.millrace.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/** {@code millrace explain FILE…}. */
@CommandLine.Command(
        name = "explain",
        description = "Shows the plan of each query: operators, keys, state, and why its output modes hold.",
        mixinStandardHelpOptions = true)
final class ExplainCommand implements Callable<Integer> {

    /** How the plan is shown. */
    enum Form {
        text,
        json,
        mermaid
    }

    @CommandLine.Parameters(arity = "1..*", paramLabel = "FILE")
    private List<Path> files;

    @CommandLine.Option(names = "--format", description = "text, json or mermaid", defaultValue = "text")
    private Form form;

    @CommandLine.Option(names = "--json", description = "the same as --format json")
    private boolean json;

    @Override
    public Integer call() {
        Resources resources = Resources.compile(files);
        if (resources.report(System.err)) {
            return Main.USAGE;
        }
        for (Compilation query : resources.queries()) {
            Explanation explanation = new Explanation(query);
            System.out.println(
                    switch (json ? Form.json : form) {
                        case text -> explanation.text();
                        case json -> explanation.json();
                        case mermaid -> explanation.mermaid();
                    });
        }
        return 0;
    }
}
