package dev.millrace.cli;

import dev.millrace.operator.OperatorService;
import dev.millrace.serving.HttpService;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine;

/** {@code millrace operator}. */
@CommandLine.Command(
        name = "operator",
        description = "Runs the Kubernetes operator: starts and looks after pods for StreamingQuery resources.",
        mixinStandardHelpOptions = true)
final class OperatorCommand implements Callable<Integer> {

    @CommandLine.Option(
            names = "--namespaces",
            split = ",",
            description = "the namespaces to look after, by comma; all where none is given")
    private List<String> namespaces = List.of();

    @CommandLine.Option(names = "--image", required = true, description = "the image of engine pods")
    private String image;

    @CommandLine.Option(
            names = "--engine-fs-group",
            description = "the group that owns the volumes of engine pods; without, the cluster decides")
    private Long engineFsGroup;

    @CommandLine.Option(
            names = "--lease-namespace",
            description = "where replicas agree on who acts; without, this must be the only one")
    private String leaseNamespace;

    @CommandLine.Option(
            names = "--http",
            description = "[host:]port that serves metrics, health and what the autoscaler saw")
    private String http = ":8080";

    @Override
    public Integer call() throws IOException, InterruptedException {
        Logs.operator();
        namespaces = namespaces.stream().filter(name -> !name.isBlank()).toList();
        CountDownLatch ended = new CountDownLatch(1);
        try (OperatorService operator = new OperatorService(new OperatorService.Settings(
                Set.copyOf(namespaces),
                image,
                Optional.ofNullable(engineFsGroup),
                Optional.ofNullable(leaseNamespace)))) {
            HttpService.startOperator(http, operator::healthy, operator::stuck, operator.counters(), operator::scaling);
            Runtime.getRuntime().addShutdownHook(new Thread(ended::countDown));
            System.err.println("operator: looks after "
                    + (namespaces.isEmpty() ? "all namespaces" : "the namespaces " + String.join(", ", namespaces)));
            operator.start();
            ended.await();
        }
        return 0;
    }
}
