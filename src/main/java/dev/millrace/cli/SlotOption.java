package dev.millrace.cli;

import dev.millrace.engine.Slot;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;

/** {@code index/count}. */
final class SlotOption implements CommandLine.ITypeConverter<Slot> {

    private static final Pattern FORM = Pattern.compile("(\\d{1,4})/(\\d{1,4})");

    @Override
    public Slot convert(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches() || Integer.parseInt(matcher.group(1)) >= Integer.parseInt(matcher.group(2))) {
            throw new CommandLine.TypeConversionException("'" + text + "' is not a slot, such as 0/3, 1/3 or 2/3");
        }
        return new Slot(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }
}
