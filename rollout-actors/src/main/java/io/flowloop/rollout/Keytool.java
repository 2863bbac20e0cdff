package io.flowloop.rollout;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The JDK's own {@code keytool} on a PKCS#12 store. The JDK has no public API that makes
 * certificates.
 */
record Keytool(Path store, String password) {

  private static final String PASSWORD = "FLOWLOOP_STORE";

  /**
   * What is made.
   *
   * @param name distinguished name
   * @param start when the certificate begins, as keytool reads it
   * @param days that it holds
   * @param extensions as keytool reads them
   */
  record Certificate(String name, String start, int days, List<String> extensions) {}

  /** Adds a key and its certificate, signed by itself. */
  void add(String alias, Certificate certificate) throws IOException {
    run(command(alias, certificate));
  }

  /** Adds a key and its certificate, signed by a key of the store. */
  void add(String alias, Certificate certificate, String signer) throws IOException {
    List<String> command = command(alias, certificate);
    command.addAll(List.of("-signer", signer));
    run(command);
  }

  private List<String> command(String alias, Certificate certificate) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                // It ends before code that C2 would make for it pays.
                "-J-XX:TieredStopAtLevel=1",
                "-J-XX:+UseSerialGC",
                "-genkeypair",
                "-alias",
                alias,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-sigalg",
                "SHA256withECDSA",
                "-dname",
                certificate.name(),
                "-startdate",
                certificate.start(),
                "-validity",
                String.valueOf(certificate.days()),
                "-keystore",
                store.toString(),
                "-storetype",
                "PKCS12",
                // Not the password itself, which everybody would see among the processes.
                "-storepass:env",
                PASSWORD));
    certificate.extensions().forEach(extension -> command.addAll(List.of("-ext", extension)));
    return command;
  }

  private void run(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put(PASSWORD, password);
    Process process = builder.start();
    process.getOutputStream().close();
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    process.getInputStream().transferTo(said);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(
            "keytool: " + said.toString(StandardCharsets.UTF_8).strip() + " (expected: success)");
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new IOException("keytool: interrupted", e);
    }
  }
}
