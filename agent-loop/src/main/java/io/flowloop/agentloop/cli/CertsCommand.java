package io.flowloop.agentloop.cli;

import io.flowloop.rollout.DevelopmentCa;
import io.flowloop.rollout.NodeCertificateException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** The verb {@code certs}: a development authority and the certificates of nodes. */
@Command(
    name = "certs",
    description = {
      "Makes certificates for the nodes of a cluster under development: DIR/HOST with tls.crt,"
          + " tls.key and ca.crt for each host. The authority's key stays in DIR/ca, and signs for"
          + " hosts that are added later. One for '*.DOMAIN' is in DIR/_.DOMAIN and good for every"
          + " host of the domain."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop certs out/certs trainer-1 gpu-1 10.0.0.7",
      "  flowloop certs out/certs '*.flowloop.default.svc.cluster.local'"
    })
final class CertsCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Parameters(index = "0", paramLabel = "DIR", description = "Folder of the authority.")
  private Path folder = Path.of("");

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "HOST",
      description = "Names or addresses by which nodes reach each other.")
  private List<String> hosts = List.of();

  CertsCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    try {
      DevelopmentCa.requireNew(folder, hosts);
      DevelopmentCa ca = DevelopmentCa.open(folder);
      for (String host : hosts) {
        Path node = ca.issue(host);
        terminal.out().println("%s: certificate and key in %s".formatted(host, node));
      }
      terminal
          .out()
          .println(
              "%s signs for them: keep it, and copy it to no node."
                  .formatted(folder.resolve("ca")));
      return 0;
    } catch (NodeCertificateException e) {
      throw new BadInputException(String.valueOf(e.getMessage()), e);
    }
  }
}
