package dev.millrace.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/** {@code millrace probe URL}: what {@code helm test} runs. */
@CommandLine.Command(name = "probe", description = "Asks a URL until it answers 200, for a minute.", hidden = true)
final class ProbeCommand implements Callable<Integer> {

    private static final int TRIES = 60;

    @CommandLine.Parameters(paramLabel = "URL")
    private URI url;

    @Override
    public Integer call() throws InterruptedException {
        HttpClient client =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
        HttpRequest request =
                HttpRequest.newBuilder(url).timeout(Duration.ofSeconds(5)).build();
        String last = "";
        for (int i = 0; i < TRIES; i++) {
            try {
                HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
                last = answer.statusCode() + " " + answer.body().strip();
                if (answer.statusCode() == 200) {
                    System.out.println(url + ": " + last);
                    return 0;
                }
            } catch (IOException e) {
                last = e.toString();
            }
            TimeUnit.SECONDS.sleep(1);
        }
        System.err.println("millrace: " + url + " did not answer 200: " + last);
        return Main.FAILED;
    }
}
