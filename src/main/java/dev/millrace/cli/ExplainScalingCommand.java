package dev.millrace.cli;

import dev.millrace.operator.scaling.Figures;
import dev.millrace.operator.scaling.ScalingHistory;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/** {@code millrace explain-scaling FILE}. */
@CommandLine.Command(
        name = "explain-scaling",
        description =
                "Plays what an operator has recorded of a query through the autoscaler's policy again, and prints why it"
                        + " changed something, or nothing.",
        footer = {
            "",
            "The record of the query NAME in NAMESPACE, of the operator that acts:",
            "  kubectl get --raw /api/v1/namespaces/<operator's>/pods/<operator's>:8080/proxy/scaling/NAMESPACE/NAME"
        },
        mixinStandardHelpOptions = true)
final class ExplainScalingCommand implements Callable<Integer> {

    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss").withZone(ZoneOffset.UTC);

    @CommandLine.Parameters(paramLabel = "FILE", description = "the record; - for the standard input")
    private Path file;

    @CommandLine.Option(names = "--all", description = "every look, and not only those at which something is another")
    private boolean all;

    @Override
    public Integer call() {
        ScalingHistory history;
        try {
            history = ScalingHistory.ofJson(
                    file.toString().equals("-")
                            ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8)
                            : Files.readString(file));
        } catch (IllegalArgumentException e) {
            System.err.println(file + ": " + e.getMessage() + "; see millrace explain-scaling --help for where it is");
            return Main.USAGE;
        } catch (NoSuchFileException e) {
            System.err.println(file + ": there is no such file");
            return Main.USAGE;
        } catch (IOException e) {
            System.err.println(file + ": it cannot be read: " + e.getMessage());
            return Main.USAGE;
        }
        System.out.print(text(history, all));
        return 0;
    }

    /** A line for each look at which something is another than before; all where wished. */
    static String text(ScalingHistory history, boolean all) {
        StringBuilder text = new StringBuilder();
        if (history.looks().isEmpty()) {
            return history.query() + ": nothing was looked at yet\n";
        }
        Look last = history.looks().get(history.looks().size() - 1);
        text.append(String.format(
                Locale.ROOT,
                "%s: %d looks from %s to %s (UTC)%n",
                history.query(),
                history.looks().size(),
                TIME.format(history.looks().get(0).now()),
                TIME.format(last.now())));
        text.append(String.format(
                Locale.ROOT,
                "rows no older than %d s, caught up with within %d s, at %.0f %% of what it can do%n",
                last.objective().maxLag().toSeconds(),
                last.objective().catchUp().toSeconds(),
                100 * last.objective().utilisation()));
        text.append(last.bounds()).append("\n\n");
        text.append(String.format(
                "%-8s  %-32s %9s %9s %9s %9s %5s %5s  %-7s  %s%n",
                "time", "has", "come/s", "waiting", "can/s", "should/s", "used", "disk", "keeps", "decision"));
        String before = "";
        for (Look look : history.looks()) {
            Step step = history.replay(look);
            String what = step.change()
                            .map(change -> change.from() + " → " + change.to() + ": ")
                            .orElse("")
                    + step.reason();
            boolean other = !what.replaceAll("\\d+", "").equals(before);
            before = what.replaceAll("\\d+", "");
            if (all || other) {
                text.append(line(look, step, what));
            }
        }
        return text.toString();
    }

    private static String line(Look look, Step step, String what) {
        Optional<Figures> figures = step.figures();
        String said = look.said().endsWith(step.reason()) ? "" : "   [the operator said: " + look.said() + "]";
        return String.format(
                Locale.ROOT,
                "%-8s  %-32s %9s %9s %9s %9s %5s %5s  %-7s  %s%s%n",
                TIME.format(look.now()),
                look.actual().map(Object::toString).orElse("-"),
                figures.map(now -> number(now.arrivals())).orElse(""),
                figures.map(now -> now.lag() < 0 ? "?" : number(now.lag())).orElse(""),
                figures.map(now -> number(now.capacity())).orElse(""),
                figures.map(now -> number(now.target())).orElse(""),
                figures.map(now -> percent(now.utilisation())).orElse(""),
                figures.map(now -> percent(now.memory().waits())).orElse(""),
                step.bottleneck(),
                what,
                said);
    }

    private static String number(double figure) {
        return Double.isInfinite(figure) ? "any" : String.format(Locale.ROOT, "%.0f", figure);
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.0f%%", 100 * share);
    }
}
