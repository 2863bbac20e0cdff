package io.flowloop.agentloop.cli;

import ch.qos.logback.classic.LoggerContext;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.LoggerFactory;

/** What all log lines of this process have in common, as fields of structured ones. */
final class LogFields {

  private LogFields() {}

  /** Lines are of the run that writes into a folder. */
  static void run(Path folder) {
    Path named =
        Optional.ofNullable(folder.toAbsolutePath().normalize().getFileName()).orElse(folder);
    put("run", named.toString());
  }

  /** Lines are of a node of a cluster. */
  static void node(String host, int port) {
    put("node", host + ":" + port);
  }

  private static void put(String key, String value) {
    // Another backend than Logback may be on the class path.
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      context.putProperty(key, value);
    }
  }
}
