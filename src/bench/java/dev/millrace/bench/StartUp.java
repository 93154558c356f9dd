package dev.millrace.bench;

import java.io.BufferedReader;
import java.io.IOException;

/** How long commands take as a user starts them. */
final class StartUp {

    private StartUp() {}

    /** Seconds until the command has ended, or has printed a line that begins so. */
    static double seconds(String prefix, String... command) throws IOException, InterruptedException {
        long start = System.nanoTime();
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (prefix != null && line.startsWith(prefix)) {
                    break;
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            if (prefix == null && process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + " failed");
            }
            return prefix == null ? (System.nanoTime() - start) / 1e9 : seconds;
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            process.waitFor();
        }
    }
}
