package dev.millrace.api;

import java.util.HashMap;
import java.util.Map;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.ScalarNode;

/** Where the fields of a document stand in its file; lines and columns count from 1. */
public final class Places {

    private final String file;
    private final String[] lines;
    private final Map<String, Node> values = new HashMap<>();
    private final Map<String, Node> keys = new HashMap<>();

    Places(String file, String text) {
        this.file = file;
        this.lines = text.split("\n", -1);
    }

    void put(String path, Node node) {
        values.put(path, node);
    }

    void putKey(String path, Node node) {
        keys.put(path, node);
    }

    /** A problem at a field, or at the nearest field around it that is there: {@code spec.sources[0].schema}. */
    public Problem problem(String path, String code, String message) {
        String at = path;
        while (!at.isEmpty() && !keys.containsKey(at) && !values.containsKey(at)) {
            int cut = Math.max(at.lastIndexOf('.'), at.lastIndexOf('['));
            at = cut < 0 ? "" : at.substring(0, cut);
        }
        Node node = keys.getOrDefault(at, values.get(at));
        if (values.containsKey(at) && values.get(at) instanceof ScalarNode) {
            node = values.get(at);
        }
        return new Problem(
                file, node.getStartMark().getLine() + 1, node.getStartMark().getColumn() + 1, path, code, message);
    }

    /** A problem within the text of a scalar field, at a line and column of that text. */
    public Problem problemIn(String path, int line, int column, String code, String message) {
        ScalarNode node = (ScalarNode) values.get(path);
        String field = path + ":" + line + ":" + column;
        int startLine = node.getStartMark().getLine();
        int startColumn = node.getStartMark().getColumn();
        boolean block = node.getScalarStyle() == ScalarStyle.LITERAL || node.getScalarStyle() == ScalarStyle.FOLDED;
        if (block) {
            int first = startLine + 1;
            int indent = indentOf(first);
            return new Problem(file, first + line, indent + column, field, code, message);
        }
        int quote = node.getScalarStyle() == ScalarStyle.PLAIN ? 0 : 1;
        return line == 1
                ? new Problem(file, startLine + 1, startColumn + quote + column, field, code, message)
                : new Problem(file, startLine + line, column, field, code, message);
    }

    /** The indentation of a block, which is that of its first line that is not blank. */
    private int indentOf(int firstLine) {
        for (int i = firstLine; i < lines.length; i++) {
            String stripped = lines[i].stripLeading();
            if (!stripped.isEmpty()) {
                return lines[i].length() - stripped.length();
            }
        }
        return 0;
    }
}
