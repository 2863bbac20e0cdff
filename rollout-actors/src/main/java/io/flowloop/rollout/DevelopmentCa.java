package io.flowloop.rollout;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * An authority for development: it makes the certificates folders of nodes. Its key stays in {@code
 * ca/}, which only its owner may read; who has it lets anybody into the cluster.
 *
 * <p>A folder, its own or a node's, appears whole or not at all.
 */
public final class DevelopmentCa {

  private static final FileAttribute<Set<PosixFilePermission>> OWN_FOLDER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<Set<PosixFilePermission>> OWN_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final String STORE = "ca.p12";
  private static final String PASSWORD = "password";
  private static final String WORK_STORE = "new.p12";
  private static final String WILDCARD = "*.";

  /** The clocks of nodes may be that far behind this one's. */
  private static final String BACKDATED = "-1H";

  private static final int CA_DAYS = 3650;
  private static final int NODE_DAYS = 365;
  private static final int LINE = 64;

  /** When a certificate begins, as keytool reads it, and how long it holds. */
  private record Validity(String start, int days) {}

  private final Path folder;
  private final Path own;

  private DevelopmentCa(Path folder) {
    this.folder = folder;
    this.own = folder.resolve("ca");
  }

  /**
   * The authority of a folder, made if there is none.
   *
   * @throws NodeCertificateException if it cannot be made, or is there in part
   */
  public static DevelopmentCa open(Path folder) {
    DevelopmentCa ca = new DevelopmentCa(folder);
    if (!Files.exists(ca.own)) {
      ca.create();
    }
    if (!Files.exists(ca.own.resolve(STORE)) || !Files.exists(ca.own.resolve(PASSWORD))) {
      throw new NodeCertificateException(
          "%s: not whole (expected: %s and %s); remove it to begin anew, and the hosts' folders with it"
              .formatted(ca.own, STORE, PASSWORD));
    }
    return ca;
  }

  private void create() {
    try {
      Files.createDirectories(folder);
      Path work = Files.createTempDirectory(folder, ".ca-", OWN_FOLDER);
      try {
        make(work);
        Files.move(work, own, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(work);
      }
    } catch (IOException e) {
      // Made at the same time by another: then that is the folder's.
      if (!Files.exists(own)) {
        throw new NodeCertificateException(
            "%s: no authority could be made (expected: a folder that can be written): %s"
                .formatted(folder, e.getMessage()),
            e);
      }
    }
  }

  private static void make(Path work) throws IOException {
    String password = password();
    Path made = work.resolve(WORK_STORE);
    new Keytool(made, password)
        .add(
            "ca",
            new Keytool.Certificate(
                "CN=flowloop development CA",
                BACKDATED,
                CA_DAYS,
                List.of("bc:c=ca:true,pathlen:0", "ku:c=keyCertSign,cRLSign")));
    // Again, as keytool does not ask who may read what it writes.
    write(work.resolve(STORE), Files.readAllBytes(made));
    Files.delete(made);
    write(work.resolve(PASSWORD), password.getBytes(StandardCharsets.US_ASCII));
  }

  /**
   * Writes {@code host/tls.crt}, {@code tls.key} and {@code ca.crt}.
   *
   * @param host a name, an address, or {@code *.} and a name for all hosts of that domain
   * @return the folder of the host; an asterisk is written as {@code _} there
   * @throws NodeCertificateException if the host is none, or has its folder
   */
  public Path issue(String host) {
    return issue(folderName(host), host);
  }

  /** No asterisk, which shells would take for a pattern. */
  private static String folderName(String host) {
    return host.replace('*', '_');
  }

  /** A folder {@code name} whose certificate for the host has ended. */
  Path issueExpired(String name, String host) {
    return issue(name, host, new Validity("-10d", 5));
  }

  /** A folder {@code name} for another host than its name. */
  Path issue(String name, String host) {
    return issue(name, host, new Validity(BACKDATED, NODE_DAYS));
  }

  private Path issue(String name, String host, Validity validity) {
    requireHosts(List.of(host));
    Path node = folder.resolve(name);
    if (Files.exists(node)) {
      throw there(node);
    }
    try {
      // With a copy of the authority's key in it, so where that is.
      Path work = Files.createTempDirectory(own, "new-", OWN_FOLDER);
      try {
        Path made = Files.createDirectory(work.resolve("node"), OWN_FOLDER);
        sign(work.resolve(WORK_STORE), made, host, validity);
        Files.move(made, node, StandardCopyOption.ATOMIC_MOVE);
        return node;
      } finally {
        delete(work);
      }
    } catch (IOException | GeneralSecurityException e) {
      throw new NodeCertificateException(node + ": could not be made: " + e.getMessage(), e);
    }
  }

  private void sign(Path work, Path node, String host, Validity validity)
      throws IOException, GeneralSecurityException {
    String password = Files.readString(own.resolve(PASSWORD), StandardCharsets.US_ASCII);
    write(work, Files.readAllBytes(own.resolve(STORE)));
    new Keytool(work, password)
        .add(
            "node",
            new Keytool.Certificate(
                "CN=flowloop node",
                validity.start(),
                validity.days(),
                List.of(
                    "ku:c=digitalSignature",
                    "eku=serverAuth,clientAuth",
                    "san=" + (HostName.isAddress(host) ? "ip:" : "dns:") + host)),
            "ca");
    export(work, password, node);
  }

  private static void export(Path store, String password, Path node)
      throws IOException, GeneralSecurityException {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, password.toCharArray());
    }
    write(
        node.resolve("tls.key"),
        pem("PRIVATE KEY", keys.getKey("node", password.toCharArray()).getEncoded()));
    write(node.resolve("tls.crt"), pem("CERTIFICATE", keys.getCertificate("node").getEncoded()));
    write(node.resolve("ca.crt"), pem("CERTIFICATE", keys.getCertificate("ca").getEncoded()));
  }

  /**
   * Checks names before anything is written.
   *
   * @throws NodeCertificateException if one is neither a host's name nor an address
   */
  public static void requireHosts(List<String> hosts) {
    for (String host : hosts) {
      if (!isHostOrDomain(host) || host.equals("ca")) {
        throw new NodeCertificateException(
            "host: %s (expected: a name as gpu-1.example or *.example.com, or an address; not ca)"
                .formatted(host.replaceAll("\\p{Cntrl}", "?")));
      }
    }
  }

  /** A wildcard is for what is in a domain that has a dot: TLS takes no other. */
  private static boolean isHostOrDomain(String host) {
    String domain = host.startsWith(WILDCARD) ? host.substring(WILDCARD.length()) : "";
    return domain.isEmpty()
        ? HostName.isValid(host)
        : HostName.isValid(domain) && !HostName.isAddress(domain) && domain.contains(".");
  }

  /**
   * Checks that all of these can be issued, before anything is written.
   *
   * @throws NodeCertificateException if one is no host, is named twice or has its folder
   */
  public static void requireNew(Path folder, List<String> hosts) {
    requireHosts(hosts);
    for (String host : hosts) {
      Path node = folder.resolve(folderName(host));
      if (Collections.frequency(hosts, host) > 1 || Files.exists(node)) {
        throw there(node);
      }
    }
  }

  private static NodeCertificateException there(Path node) {
    return new NodeCertificateException(
        node + ": is there or named twice (expected: once, and no such folder); remove it first");
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

  /** Deletes a folder with all that is in it, if it is there. */
  private static void delete(Path work) throws IOException {
    if (Files.exists(work)) {
      try (Stream<Path> files = Files.walk(work)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }
}
