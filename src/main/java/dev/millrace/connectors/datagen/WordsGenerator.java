package dev.millrace.connectors.datagen;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Lines of 8 to 12 words of a vocabulary, by Zipf's law: the n-th word is n times rarer than the first. */
public final class WordsGenerator implements Generator {

    private static final String[] COMMON = {
        "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not",
        "he", "his", "but", "at", "are", "this", "have", "from", "or", "had", "an", "they", "which", "one", "you",
        "were", "her", "all", "she", "there", "would", "their", "we", "him", "been", "has", "when", "who", "will",
        "more", "no", "if", "out"
    };
    private static final String[] SYLLABLES = {
        "ka", "ro", "mi", "te", "lu", "sa", "ne", "vo", "di", "pa", "re", "to", "ga", "li", "mo", "su"
    };

    private final byte[][] vocabulary;
    private final double[] cumulated;
    private final RowRandom random;
    private final Bytes line = new Bytes();

    public WordsGenerator(long seed, int words) {
        this.random = new RowRandom(seed);
        this.vocabulary = new byte[words][];
        this.cumulated = new double[words];
        double sum = 0;
        for (int i = 0; i < words; i++) {
            vocabulary[i] = word(i).getBytes(StandardCharsets.US_ASCII);
            sum += 1.0 / (i + 1);
            cumulated[i] = sum;
        }
    }

    private static String word(int number) {
        if (number < COMMON.length) {
            return COMMON[number];
        }
        StringBuilder word = new StringBuilder();
        for (int rest = number; rest > 0; rest >>= 4) {
            word.append(SYLLABLES[rest & 15]);
        }
        return word.toString();
    }

    @Override
    public Schema schema() {
        return Schema.of(new Field("line", DataType.STRING, false));
    }

    @Override
    public void append(long number, Batch into) {
        random.start(number);
        int count = 8 + (int) random.below(5);
        line.clear();
        for (int i = 0; i < count; i++) {
            double point = random.uniform() * cumulated[cumulated.length - 1];
            int found = Arrays.binarySearch(cumulated, point);
            int word = found >= 0 ? found : -found - 1;
            line.put(vocabulary[Math.min(word, vocabulary.length - 1)]);
            if (i + 1 < count) {
                line.put(' ');
            }
        }
        int row = into.append(1);
        ((BytesVector) into.column(0)).set(row, line.array(), 0, line.length());
    }
}
