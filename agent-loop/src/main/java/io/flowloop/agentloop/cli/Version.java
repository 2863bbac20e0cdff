package io.flowloop.agentloop.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version of this flowloop, as Maven wrote it into the jar. */
final class Version implements IVersionProvider {

  private static final String PROPERTIES =
      "/META-INF/maven/io.flowloop/flowloop-agent-loop/pom.properties";

  @Override
  public String[] getVersion() throws IOException {
    return new String[] {"flowloop " + number()};
  }

  static String number() throws IOException {
    try (InputStream in = Version.class.getResourceAsStream(PROPERTIES)) {
      Properties properties = new Properties();
      if (in != null) {
        properties.load(in);
      }
      return properties.getProperty("version", "(not from a jar)");
    }
  }
}
