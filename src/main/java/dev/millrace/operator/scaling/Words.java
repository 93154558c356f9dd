package dev.millrace.operator.scaling;

import java.math.BigDecimal;
import java.math.MathContext;

/** Figures as sentences have them. */
final class Words {

    private Words() {}

    static String mebibytes(long bytes) {
        return rounded(bytes / 1048576.0) + " MiB";
    }

    /** To two digits: more of them would tell nothing. */
    static String rounded(double figure) {
        return Double.isInfinite(figure) || Double.isNaN(figure)
                ? "any number of"
                : new BigDecimal(figure)
                        .round(new MathContext(2))
                        .stripTrailingZeros()
                        .toPlainString();
    }
}
