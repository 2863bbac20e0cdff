package io.flowloop.rollout;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateParsingException;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's certificate, its key and the authority of all nodes, for mutual TLS 1.3. They come from
 * a folder with {@code tls.crt} (the chain), {@code tls.key} (PKCS#8) and {@code ca.crt}, the names
 * of a Kubernetes TLS secret.
 */
public final class NodeCertificates {

  private static final Logger LOG = LoggerFactory.getLogger(NodeCertificates.class);
  private static final String[] PROTOCOLS = {"TLSv1.3"};

  /** AES-128 first: it is as safe here and moves more. */
  private static final String[] CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};

  private static final Duration SOON = Duration.ofDays(30);
  private static final int DNS = 2;
  private static final int IP = 7;

  private final SSLContext context;

  private NodeCertificates(SSLContext context) {
    this.context = context;
  }

  /**
   * The certificates of a folder, checked, with a warning if they end within 30 days.
   *
   * @param host by which the other nodes reach this one, {@code cluster.host}
   * @throws NodeCertificateException if one of the files is not what it must be
   */
  public static NodeCertificates load(Path folder, String host) {
    return load(folder, host, Instant.now());
  }

  /** As {@link #load(Path, String)} at that time. */
  static NodeCertificates load(Path folder, String host, Instant now) {
    PemFile certFile = new PemFile(folder.resolve("tls.crt"));
    PemFile keyFile = new PemFile(folder.resolve("tls.key"));
    PemFile caFile = new PemFile(folder.resolve("ca.crt"));
    List<X509Certificate> chain = certFile.certificates();
    X509Certificate own = chain.getFirst();
    List<X509Certificate> authorities = caFile.certificates();
    PrivateKey key = keyFile.privateKey(own);
    requireKeyOf(own, key, keyFile);
    requireCurrent(chain, now, certFile);
    requireCurrent(authorities, now, caFile);
    requireIssued(chain, authorities, now, certFile);
    requireHost(own, host, certFile);
    expiryWarning(own, now).ifPresent(soon -> LOG.warn("{}: {}", certFile.path(), soon));
    return new NodeCertificates(context(chain, key, authorities));
  }

  /** What to say of a certificate that ends within 30 days. */
  static Optional<String> expiryWarning(X509Certificate certificate, Instant now) {
    Instant end = certificate.getNotAfter().toInstant();
    return end.isAfter(now.plus(SOON))
        ? Optional.empty()
        : Optional.of("ends at " + end + "; put a new one in its place and restart the node");
  }

  private static void requireKeyOf(X509Certificate own, PrivateKey key, PemFile file) {
    if (!signs(key, own.getPublicKey())) {
      throw file.wrong("another key (expected: the key of tls.crt); copy both from one place");
    }
  }

  private static boolean signs(PrivateKey key, PublicKey publicKey) {
    try {
      Signature signature =
          Signature.getInstance(
              key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA");
      byte[] probe = {1, 2, 3};
      signature.initSign(key);
      signature.update(probe);
      byte[] signed = signature.sign();
      signature.initVerify(publicKey);
      signature.update(probe);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  private static void requireCurrent(
      List<X509Certificate> certificates, Instant now, PemFile file) {
    for (X509Certificate certificate : certificates) {
      Instant begin = certificate.getNotBefore().toInstant();
      Instant end = certificate.getNotAfter().toInstant();
      if (now.isBefore(begin) || now.isAfter(end)) {
        throw file.wrong(
            "valid from %s to %s (expected: now, %s); make a new one, or set the clock"
                .formatted(begin, end, now));
      }
    }
  }

  private static void requireIssued(
      List<X509Certificate> chain, List<X509Certificate> authorities, Instant now, PemFile file) {
    try {
      PKIXParameters parameters =
          new PKIXParameters(
              authorities.stream()
                  .map(authority -> new TrustAnchor(authority, null))
                  .collect(Collectors.toSet()));
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(now));
      List<X509Certificate> path =
          chain.stream().filter(certificate -> !authorities.contains(certificate)).toList();
      var _ =
          CertPathValidator.getInstance("PKIX")
              .validate(CertificateFactory.getInstance("X.509").generateCertPath(path), parameters);
    } catch (GeneralSecurityException e) {
      throw file.wrong(
          "not of this authority (expected: a chain that ends at ca.crt); use the folder's own ca.crt",
          e);
    }
  }

  private static void requireHost(X509Certificate own, String host, PemFile file) {
    List<String> names = names(own, file);
    if (names.stream().noneMatch(name -> matches(name, host.toLowerCase(Locale.ROOT)))) {
      throw file.wrong(
          "for %s (expected: %s, cluster.host, among its alternative names); flowloop certs makes one"
              .formatted(names, host));
    }
  }

  private static List<String> names(X509Certificate own, PemFile file) {
    try {
      Collection<List<?>> names = own.getSubjectAlternativeNames();
      return Stream.ofNullable(names)
          .flatMap(Collection::stream)
          .filter(name -> name.getFirst().equals(DNS) || name.getFirst().equals(IP))
          .map(name -> String.valueOf(name.getLast()).toLowerCase(Locale.ROOT))
          .toList();
    } catch (CertificateParsingException e) {
      throw file.wrong("alternative names that cannot be read", e);
    }
  }

  private static boolean matches(String name, String host) {
    int dot = host.indexOf('.');
    return name.equals(HostName.plain(host))
        || (name.startsWith("*.") && dot > 0 && name.substring(1).equals(host.substring(dot)));
  }

  private static SSLContext context(
      List<X509Certificate> chain, PrivateKey key, List<X509Certificate> authorities) {
    try {
      char[] none = new char[0];
      KeyStore own = emptyStore();
      own.setKeyEntry("node", key, none, chain.toArray(Certificate[]::new));
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, none);
      KeyStore trusted = emptyStore();
      for (int i = 0; i < authorities.size(); i++) {
        trusted.setCertificateEntry("ca" + i, authorities.get(i));
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new NodeCertificateException("TLS 1.3 cannot be set up with these certificates", e);
    }
  }

  private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  /** For both directions; what it makes must still be told TLS 1.3 and whom to expect. */
  public SSLContext context() {
    return context;
  }

  /** A server's side, which asks for the client's certificate. */
  SSLEngine serverEngine() {
    SSLEngine engine = context.createSSLEngine();
    engine.setUseClientMode(false);
    engine.setSSLParameters(server(engine.getSSLParameters()));
    return engine;
  }

  /** A client's side, which wants the host's name in the server's certificate. */
  SSLEngine clientEngine(String host, int port) {
    SSLEngine engine = context.createSSLEngine(host, port);
    engine.setUseClientMode(true);
    engine.setSSLParameters(client(engine.getSSLParameters()));
    return engine;
  }

  /** As {@link #serverEngine}, on a connection. */
  SSLSocket serverSocket(Socket plain) throws IOException {
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket(plain, null, plain.getPort(), true);
    socket.setUseClientMode(false);
    socket.setSSLParameters(server(socket.getSSLParameters()));
    return socket;
  }

  /** As {@link #clientEngine}, on a connection. */
  SSLSocket clientSocket(Socket plain, String host, int port) throws IOException {
    SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, true);
    socket.setUseClientMode(true);
    socket.setSSLParameters(client(socket.getSSLParameters()));
    return socket;
  }

  private static SSLParameters server(SSLParameters parameters) {
    parameters.setNeedClientAuth(true);
    return strict(parameters);
  }

  private static SSLParameters client(SSLParameters parameters) {
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    return strict(parameters);
  }

  private static SSLParameters strict(SSLParameters parameters) {
    parameters.setProtocols(PROTOCOLS);
    parameters.setCipherSuites(CIPHERS);
    return parameters;
  }
}
