package dev.millrace.bench;

import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.UUID;

/** The records of the topics: JSON, each a function of its number. */
enum Rows {
    /** Lines of 8 to 12 words of a vocabulary of 100,000, by Zipf's law. */
    WORDS("words", 6_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            SplittableRandom random = random(number);
            out.append("{\"line\":\"");
            int words = 8 + random.nextInt(5);
            for (int i = 0; i < words; i++) {
                if (i > 0) {
                    out.append(' ');
                }
                word(zipf(random, VOCABULARY), out);
            }
            out.append("\"}");
        }
    },
    /** Ad events of the Yahoo streaming benchmark, 20,000 a second of event time; 1,000 ads. */
    AD_EVENTS("ad-events", 10_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            SplittableRandom random = random(number);
            out.append("{\"user_id\":\"").append(id(0, random.nextInt(1_000_000)));
            out.append("\",\"page_id\":\"").append(id(1, random.nextInt(10_000)));
            out.append("\",\"ad_id\":\"").append(adId(random.nextInt(ADS)));
            out.append("\",\"ad_type\":\"").append(AD_TYPES[random.nextInt(AD_TYPES.length)]);
            out.append("\",\"event_type\":\"").append(EVENT_TYPES[random.nextInt(EVENT_TYPES.length)]);
            out.append("\",\"event_time\":").append(FIRST_TIME + number / 20);
            out.append(",\"ip_address\":\"1.2.3.4\"}");
        }
    },
    /** Nexmark's bids, 10,000 a second of event time. */
    BIDS("bids", 9_200_000) {
        @Override
        void write(long number, StringBuilder out) {
            SplittableRandom random = random(number);
            long newest = 1000 + number / 15;
            long auction = random.nextInt(2) == 0 ? newest / 100 * 100 : newest - random.nextInt(100);
            long bidder = 1000 + random.nextLong(Math.max(1, number / 46));
            out.append("{\"auction\":").append(auction);
            out.append(",\"bidder\":").append(bidder);
            out.append(",\"price\":").append((long) Math.pow(10, random.nextDouble() * 6) + 100);
            out.append(",\"channel\":\"").append(CHANNELS[random.nextInt(CHANNELS.length)]);
            out.append("\",\"url\":\"https://www.nexmark.com/item?q=").append(random.nextInt(100_000));
            out.append("\",\"dateTime\":").append(FIRST_TIME + number / 10);
            out.append(",\"extra\":\"").append("abcdefghijklmnop", 0, random.nextInt(16)).append("\"}");
        }
    },
    KEYS_10K("keys-10k", 10_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, random(number).nextInt(10_000), out);
        }
    },
    KEYS_10K_ZIPF("keys-10k-zipf", 10_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, zipf(random(number), 10_000), out);
        }
    },
    KEYS_1M("keys-1m", 10_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, random(number).nextInt(1_000_000), out);
        }
    },
    KEYS_1M_ZIPF("keys-1m-zipf", 10_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, zipf(random(number), 1_000_000), out);
        }
    },
    KEYS_10M("keys-10m", 20_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, random(number).nextInt(10_000_000), out);
        }
    },
    KEYS_10M_ZIPF("keys-10m-zipf", 20_000_000) {
        @Override
        void write(long number, StringBuilder out) {
            key(number, zipf(random(number), 10_000_000), out);
        }
    };

    static final int ADS = 1000;
    static final int VOCABULARY = 100_000;
    private static final long FIRST_TIME = 1_704_067_200_000L;
    private static final String[] AD_TYPES = {"banner", "modal", "sponsored-search", "mail", "mobile"};
    private static final String[] EVENT_TYPES = {"view", "click", "purchase"};
    private static final String[] CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};

    private final String topic;
    private final long count;

    Rows(String topic, long count) {
        this.topic = topic;
        this.count = count;
    }

    abstract void write(long number, StringBuilder out);

    String topic() {
        return topic;
    }

    long count() {
        return count;
    }

    private static SplittableRandom random(long number) {
        return new SplittableRandom(42 + number * 0x9E3779B97F4A7C15L);
    }

    /** A rank from 0, of a probability about proportional to 1 / (rank + 1). */
    private static int zipf(SplittableRandom random, int ranks) {
        return (int) Math.min(ranks - 1, Math.pow(ranks + 1.0, random.nextDouble()) - 1);
    }

    private static void word(int rank, StringBuilder out) {
        int rest = rank;
        do {
            out.append("bdfgklmnprstvz".charAt(rest % 14)).append("aeiou".charAt(rest / 14 % 5));
            rest /= 70;
        } while (rest > 0);
    }

    private static void key(long number, int key, StringBuilder out) {
        out.append("{\"k\":\"key-").append(key).append("\",\"v\":").append(number % 1000).append('}');
    }

    private static String id(int kind, long number) {
        return new UUID(0x4D9A_17B2_0000_4000L | (long) kind << 16, 0x8000_0000_0000_0000L | number * 0x9E37_79B1L)
                .toString();
    }

    static String adId(int ad) {
        return id(2, ad);
    }

    byte[] bytes(long number, StringBuilder scratch) {
        scratch.setLength(0);
        write(number, scratch);
        return scratch.toString().getBytes(StandardCharsets.ISO_8859_1);
    }
}
