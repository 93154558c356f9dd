package dev.millrace.engine.operators;

import java.util.function.IntBinaryOperator;

/** Sorts slot numbers by what they stand for, without an object per slot: a bottom-up merge sort. */
final class SlotSort {

    private int[] spare = {};

    /** Sorts {@code slots[0..count)}; the comparison is that of two slots, as a comparator's. */
    void sort(int[] slots, int count, IntBinaryOperator comparison) {
        if (spare.length < count) {
            spare = new int[slots.length];
        }
        int[] from = slots;
        int[] to = spare;
        for (int width = 1; width < count; width *= 2) {
            for (int start = 0; start < count; start += 2 * width) {
                merge(from, to, start, Math.min(start + width, count), Math.min(start + 2 * width, count), comparison);
            }
            int[] swapped = from;
            from = to;
            to = swapped;
        }
        if (from != slots) {
            System.arraycopy(from, 0, slots, 0, count);
        }
    }

    private static void merge(int[] from, int[] to, int start, int middle, int end, IntBinaryOperator comparison) {
        int left = start;
        int right = middle;
        for (int i = start; i < end; i++) {
            boolean takeLeft = left < middle && (right >= end || comparison.applyAsInt(from[left], from[right]) <= 0);
            to[i] = takeLeft ? from[left++] : from[right++];
        }
    }
}
