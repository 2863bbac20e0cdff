package io.flowloop.rollout;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * An authority for development: it makes the certificates folders of nodes, with the JDK's own
 * {@code keytool}. Its key stays in {@code ca/}, which only its owner may read; who has it lets
 * anybody into the cluster.
 */
public final class DevelopmentCa {

  private static final FileAttribute<Set<PosixFilePermission>> OWN_FOLDER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<Set<PosixFilePermission>> OWN_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final String PASSWORD = "FLOWLOOP_STORE";
  private static final int CA_DAYS = 3650;
  private static final int NODE_DAYS = 365;
  private static final int LINE = 64;

  /** When a certificate begins, as keytool reads it, and how long it holds. */
  private record Validity(String start, int days) {}

  private final Path folder;

  private DevelopmentCa(Path folder) {
    this.folder = folder;
  }

  /**
   * The authority of a folder, made if there is none.
   *
   * @throws NodeCertificateException if it cannot be made
   */
  public static DevelopmentCa open(Path folder) {
    DevelopmentCa ca = new DevelopmentCa(folder);
    if (!Files.exists(ca.store())) {
      ca.create();
    }
    return ca;
  }

  private void create() {
    try {
      Files.createDirectories(folder);
      Files.createDirectory(folder.resolve("ca"), OWN_FOLDER);
      String password = password();
      write(folder.resolve("ca/password"), password.getBytes(StandardCharsets.US_ASCII));
      Path made = folder.resolve("ca/new.p12");
      generateKeyPair(
          password,
          made,
          "ca",
          "CN=flowloop development CA",
          "-validity",
          String.valueOf(CA_DAYS),
          "-ext",
          "bc:c=ca:true,pathlen:0",
          "-ext",
          "ku:c=keyCertSign,cRLSign");
      write(store(), Files.readAllBytes(made));
      Files.delete(made);
    } catch (IOException e) {
      throw new NodeCertificateException(
          folder + ": no authority could be made (expected: a folder that can be written)", e);
    }
  }

  /**
   * Writes {@code host/tls.crt}, {@code tls.key} and {@code ca.crt}.
   *
   * @return the folder of the host
   * @throws NodeCertificateException if the host is none, or has its folder
   */
  public Path issue(String host) {
    return issue(host, host);
  }

  /** A folder {@code name} whose certificate for the host has ended. */
  Path issueExpired(String name, String host) {
    return issue(name, host, new Validity("-10d", 5));
  }

  /** A folder {@code name} for another host than its name. */
  Path issue(String name, String host) {
    return issue(name, host, new Validity("-1H", NODE_DAYS));
  }

  private Path issue(String name, String host, Validity validity) {
    requireHosts(List.of(host));
    Path node = folder.resolve(name);
    try {
      Files.createDirectory(node, OWN_FOLDER);
      try {
        sign(node, host, validity);
        return node;
      } finally {
        Files.deleteIfExists(node.resolve("new.p12"));
      }
    } catch (FileAlreadyExistsException e) {
      throw there(node);
    } catch (IOException | GeneralSecurityException e) {
      throw new NodeCertificateException(node + ": could not be made: " + e.getMessage(), e);
    }
  }

  private void sign(Path node, String host, Validity validity)
      throws IOException, GeneralSecurityException {
    String password = Files.readString(folder.resolve("ca/password"), StandardCharsets.US_ASCII);
    Path made = node.resolve("new.p12");
    write(made, Files.readAllBytes(store()));
    generateKeyPair(
        password,
        made,
        "node",
        "CN=flowloop node",
        "-signer",
        "ca",
        "-startdate",
        validity.start(),
        "-validity",
        String.valueOf(validity.days()),
        "-ext",
        "ku:c=digitalSignature",
        "-ext",
        "eku=serverAuth,clientAuth",
        "-ext",
        "san=" + (HostName.isAddress(host) ? "ip:" : "dns:") + host);
    export(made, password, node);
  }

  private static void export(Path store, String password, Path node)
      throws IOException, GeneralSecurityException {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, password.toCharArray());
    }
    Certificate own = keys.getCertificate("node");
    Certificate authority = keys.getCertificate("ca");
    Key key = keys.getKey("node", password.toCharArray());
    write(node.resolve("tls.key"), pem("PRIVATE KEY", key.getEncoded()));
    write(node.resolve("tls.crt"), pem("CERTIFICATE", own.getEncoded()));
    write(node.resolve("ca.crt"), pem("CERTIFICATE", authority.getEncoded()));
  }

  /**
   * Checks names before anything is written.
   *
   * @throws NodeCertificateException if one is neither a host's name nor an address
   */
  public static void requireHosts(List<String> hosts) {
    for (String host : hosts) {
      if (!HostName.isValid(host) || host.equals("ca")) {
        throw new NodeCertificateException(
            "host: %s (expected: a name as gpu-1.example, or an address; not ca)"
                .formatted(host.replaceAll("\\p{Cntrl}", "?")));
      }
    }
  }

  /**
   * Checks that all of these can be issued, before anything is written.
   *
   * @throws NodeCertificateException if one is no host, is named twice or has its folder
   */
  public static void requireNew(Path folder, List<String> hosts) {
    requireHosts(hosts);
    for (String host : hosts) {
      if (Collections.frequency(hosts, host) > 1 || Files.exists(folder.resolve(host))) {
        throw there(folder.resolve(host));
      }
    }
  }

  private static NodeCertificateException there(Path node) {
    return new NodeCertificateException(
        node + ": is there or named twice (expected: once, and no such folder); remove it first");
  }

  private Path store() {
    return folder.resolve("ca/ca.p12");
  }

  private static String password() {
    byte[] random = new byte[24];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  private static byte[] pem(String kind, byte[] der) {
    String body = Base64.getMimeEncoder(LINE, new byte[] {'\n'}).encodeToString(der);
    return "-----BEGIN %s-----%n%s%n-----END %s-----%n"
        .formatted(kind, body, kind)
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** A new file, its owner's from the start. */
  private static void write(Path file, byte[] bytes) throws IOException {
    Files.createFile(file, OWN_FILE);
    Files.write(file, bytes);
  }

  /** Adds a key and its certificate to a store. */
  private static void generateKeyPair(
      String password, Path store, String alias, String name, String... more) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
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
                name,
                "-keystore",
                store.toString(),
                "-storetype",
                "PKCS12",
                "-storepass:env",
                PASSWORD));
    command.addAll(List.of(more));
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
