# Operator and engine. Lay out the application first: ./mvnw -Pimage -Djib.skip -Dmaven.test.skip=true package
# The base needs a JRE 17 or newer on glibc.
ARG BASE=eclipse-temurin:21-jre
FROM ${BASE}
COPY target/image/ /app/
WORKDIR /app
USER 0
# An engine starts a third sooner where its classes lie in an archive, parsed and checked.
RUN ["java", "-XX:ArchiveClassesAtExit=/app/millrace.jsa", "-XX:+UseSerialGC", "@java.args", "dev.millrace.cli.Main", "archive", "warm-up.yaml"]
USER 65532
ENTRYPOINT ["java", "-XX:SharedArchiveFile=/app/millrace.jsa", "@java.args", "dev.millrace.cli.Main"]
