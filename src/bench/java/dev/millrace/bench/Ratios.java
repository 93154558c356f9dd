package dev.millrace.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** CPU per row over the raw consumer's, by case: kept beside the sources to notice what got slower, and drawn. */
final class Ratios {

    private static final double NOTICED = 1.15;
    private static final int ROW = 26;
    private static final int LEFT = 190;
    private static final int WIDTH = 760;

    private final Map<String, Double> byCase = new LinkedHashMap<>();

    static Ratios read(Path file) throws IOException {
        Ratios ratios = new Ratios();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                int last = line.lastIndexOf(',');
                ratios.put(line.substring(0, last), Double.parseDouble(line.substring(last + 1)));
            }
        }
        return ratios;
    }

    void put(String name, double ratio) {
        byCase.put(name, ratio);
    }

    void write(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        byCase.forEach((name, ratio) -> lines.add(String.format(Locale.ROOT, "%s,%.2f", name, ratio)));
        Files.write(file, lines);
    }

    /** What costs noticeably more than was recorded. */
    List<String> slowerThan(Ratios recorded) {
        List<String> slower = new ArrayList<>();
        byCase.forEach((name, ratio) -> {
            Double before = recorded.byCase.get(name);
            if (before != null && ratio > before * NOTICED) {
                slower.add(String.format(Locale.ROOT, "%s got slower: %.2f times raw, recorded %.2f", name, ratio, before));
            }
        });
        return slower;
    }

    /** A bar per case; the line is the raw consumer. */
    String svg() {
        double greatest = byCase.values().stream().mapToDouble(Double::doubleValue).max().orElse(1);
        double scale = (WIDTH - LEFT - 60) / Math.max(1, greatest);
        int height = byCase.size() * ROW + 50;
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">%n"
                        + "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n"
                        + "<text x=\"10\" y=\"20\" font-size=\"14\">CPU per row over a raw consumer's (line: the raw consumer)</text>%n",
                WIDTH,
                height));
        int y = 36;
        for (Map.Entry<String, Double> bar : byCase.entrySet()) {
            double length = bar.getValue() * scale;
            svg.append(String.format(
                    Locale.ROOT,
                    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
                            + "<rect x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"18\" fill=\"%s\"/>"
                            + "<text x=\"%.0f\" y=\"%d\">%.2f</text>%n",
                    LEFT - 8,
                    y + 14,
                    bar.getKey(),
                    LEFT,
                    y,
                    length,
                    bar.getKey().matches("(raw|jackson).*") ? "#9aa5b1" : "#2f6fab",
                    LEFT + length + 6,
                    y + 14,
                    bar.getValue()));
            y += ROW;
        }
        svg.append(String.format(
                Locale.ROOT,
                "<line x1=\"%.0f\" y1=\"30\" x2=\"%.0f\" y2=\"%d\" stroke=\"#c0392b\" stroke-dasharray=\"4 3\"/>%n</svg>%n",
                LEFT + scale,
                LEFT + scale,
                height - 14));
        return svg.toString();
    }
}
