# Operator and engine. Build the application first: ./mvnw -Dmaven.test.skip=true package
# The base needs a JRE 17 or newer on glibc.
ARG BASE=eclipse-temurin:21-jre
FROM ${BASE}
COPY target/quarkus-app/lib/ /app/lib/
COPY target/quarkus-app/app/ /app/app/
USER 65532
ENTRYPOINT ["java", "-cp", "/app/lib/boot/*:/app/lib/main/*:/app/app/*", "dev.millrace.cli.Main"]
