package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.ScalingRun.Point;
import dev.millrace.operator.scaling.ScalingRun.Result;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** Draws runs: load and what the pods could do above, the age of the oldest row below. */
final class ScalingPlots {

    private static final int WIDTH = 300;
    private static final int UPPER = 90;
    private static final int LOWER = 30;
    private static final int GAP = 26;
    private static final int COLUMNS = 3;

    private ScalingPlots() {}

    static String svg(List<Result> results, double rowsPerCore) {
        int rows = (results.size() + COLUMNS - 1) / COLUMNS;
        int height = rows * (UPPER + LOWER + 2 * GAP) + GAP;
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">%n"
                        + "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n"
                        + "<text x=\"10\" y=\"16\">grey: load; blue: what the pods can do; red: age of the oldest row, up to 60 s"
                        + "</text>%n",
                COLUMNS * (WIDTH + GAP),
                height));
        for (int i = 0; i < results.size(); i++) {
            int x = 10 + i % COLUMNS * (WIDTH + GAP);
            int y = GAP + i / COLUMNS * (UPPER + LOWER + 2 * GAP);
            cell(svg, results.get(i), rowsPerCore, x, y);
        }
        return svg.append("</svg>\n").toString();
    }

    private static void cell(StringBuilder svg, Result result, double rowsPerCore, int x, int y) {
        List<Point> points = result.points();
        double most = points.stream()
                .mapToDouble(point -> Math.max(point.load(), point.has().cores() * rowsPerCore))
                .max()
                .orElse(1);
        svg.append(String.format(
                Locale.ROOT,
                "<text x=\"%d\" y=\"%d\">%s (%.0f h, up to %.0f k rows/s)</text>%n",
                x,
                y + 12,
                result.shape(),
                result.points().size() / 360.0,
                most / 1000));
        int top = y + 18;
        line(svg, points, point -> point.load() / most, x, top, UPPER, "#999");
        line(svg, points, point -> point.has().cores() * rowsPerCore / most, x, top, UPPER, "#1f5fbf");
        line(svg, points, point -> Math.min(1, point.lagSeconds() / 60), x, top + UPPER + 4, LOWER, "#c0392b");
    }

    private static void line(
            StringBuilder svg,
            List<Point> points,
            ToDoubleFunction<Point> value,
            int x,
            int y,
            int height,
            String colour) {
        svg.append("<polyline fill=\"none\" stroke=\"").append(colour).append("\" points=\"");
        int step = Math.max(1, points.size() / 180);
        for (int i = 0; i < points.size(); i += step) {
            double most = 0;
            for (int j = i; j < Math.min(points.size(), i + step); j++) {
                most = Math.max(most, value.applyAsDouble(points.get(j)));
            }
            svg.append(String.format(
                    Locale.ROOT, "%.0f,%.1f ", x + (double) WIDTH * i / points.size(), y + height * (1 - most)));
        }
        svg.append("\"/>\n");
    }
}
