package dev.millrace.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Medians (and ranges) of the cases as a table of Markdown. */
final class Report {

    private final StringBuilder rows = new StringBuilder();
    private final Ratios ratios = new Ratios();

    void add(String name, List<Map<String, Double>> runs, List<Map<String, Double>> base) {
        String ratio = "";
        if (base != null) {
            double[] ratios = new double[Math.min(runs.size(), base.size())];
            for (int i = 0; i < ratios.length; i++) {
                ratios[i] = runs.get(i).get("cpuMiddle") / base.get(i).get("cpuMiddle");
            }
            ratio = cell(ratios, "%.2f");
            Arrays.sort(ratios);
            this.ratios.put(name, ratios[ratios.length / 2]);
        }
        rows.append(String.format(
                Locale.ROOT,
                "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |%n",
                name,
                cell(values(runs, "cpuMiddle", 1), "%.2f"),
                ratio,
                cell(values(runs, "rateMiddle", 1e-6), "%.2f"),
                cell(values(runs, "rate", 1e-6), "%.2f"),
                cell(values(runs, "cpu", 1), "%.2f"),
                cell(values(runs, "allocated", 1), "%.0f"),
                cell(values(runs, "gcSeconds", 1), "%.1f"),
                cell(values(runs, "peakMb", 1), "%.0f"),
                cell(values(runs, "stateMb", 1), "%.0f"),
                cell(values(runs, "rowsOut", 1), "%.0f")));
    }

    private static double[] values(List<Map<String, Double>> runs, String figure, double factor) {
        return runs.stream()
                .mapToDouble(run -> run.getOrDefault(figure, Double.NaN) * factor)
                .toArray();
    }

    private static String cell(double[] values, String format) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        if (sorted.length == 0 || Double.isNaN(sorted[0])) {
            return "–";
        }
        String median = String.format(Locale.ROOT, format, sorted[sorted.length / 2]);
        String least = String.format(Locale.ROOT, format, sorted[0]);
        String greatest = String.format(Locale.ROOT, format, sorted[sorted.length - 1]);
        return least.equals(greatest) ? median : median + " (" + least + "–" + greatest + ")";
    }

    /** The medians over the raw consumer's. */
    Ratios ratios() {
        return ratios;
    }

    String table() {
        return """
                | case | CPU s per M rows, middle | over raw | M rows/s, middle | M rows/s, drained | CPU s per M, whole | bytes allocated a row | GC s | peak MB | state MB | rows out |
                |---|---|---|---|---|---|---|---|---|---|---|
                """
                + rows;
    }
}
