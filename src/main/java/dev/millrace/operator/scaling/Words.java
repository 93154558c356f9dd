package dev.millrace.operator.scaling;

import java.math.BigDecimal;
import java.math.MathContext;

/** Figures as sentences have them. */
final class Words {

    private Words() {}

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
