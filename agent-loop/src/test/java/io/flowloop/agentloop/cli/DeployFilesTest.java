package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The command lines and settings of {@code deploy/}, as far as they go without starting anything.
 */
class DeployFilesTest {

  private static final Path DEPLOY = Path.of("../deploy").toAbsolutePath().normalize();

  @TempDir private Path temp = Path.of("");

  /** The arguments of a manifest's container, as Kubernetes would pass them on. */
  private static Stream<String> args(String manifest, String pod) throws IOException {
    return Files.readAllLines(DEPLOY.resolve("kubernetes").resolve(manifest)).stream()
        .map(String::strip)
        .dropWhile(line -> !line.equals("args:"))
        .skip(1)
        .takeWhile(line -> line.startsWith("- "))
        .map(line -> line.substring(2))
        .map(
            line ->
                line.replace("/etc/flowloop/settings", DEPLOY.resolve("kubernetes").toString())
                    .replace("$(POD_NAME)", pod)
                    .replace("$(POD_NAMESPACE)", "lab"));
  }

  /** The arguments of a unit, with the settings that stand in its comment. */
  private Stream<String> unit(String name) throws IOException {
    List<String> lines = Files.readAllLines(DEPLOY.resolve("systemd").resolve(name));
    List<String> settings =
        lines.stream()
            .dropWhile(line -> !line.endsWith("such as"))
            .skip(2)
            .takeWhile(line -> line.startsWith("#   "))
            .map(line -> line.substring(1))
            .toList();
    assertThat(settings).isNotEmpty();
    Path file = Files.write(temp.resolve("settings.conf"), settings);
    String start = "ExecStart=/opt/flowloop/flowloop ";
    return lines.stream()
        .filter(line -> line.startsWith(start))
        .flatMap(line -> Stream.of(line.substring(start.length()).split(" ")))
        .map(word -> word.startsWith("/etc/flowloop/") ? file.toString() : word);
  }

  private Run plan(Stream<String> args) {
    List<String> words = new ArrayList<>(args.toList());
    words.addAll(
        List.of(
            "--dry-run",
            "model.device=cpu",
            "trainer.dir=" + temp.resolve("run"),
            "cluster.certificates=" + temp));
    return Run.of(words.toArray(String[]::new));
  }

  @Test
  void kubernetes_trainer_wouldStart() throws IOException {
    Run run = plan(args("trainer.yaml", "trainer-0"));

    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  @Test
  void kubernetes_engine_wouldJoinTheTrainer() throws IOException {
    Run run = plan(args("engine.yaml", "engine-3"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("engine-3.flowloop.lab.svc.cluster.local, ports 7355 and 7356, bound to 0.0.0.0")
        .contains("trainer-0.flowloop.lab.svc.cluster.local:7355");
  }

  @Test
  void systemd_node_wouldJoinTheTrainer() throws IOException {
    Run run = plan(unit("flowloop-node.service"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("gpu-1, ports 7355 and 7356", "trainer-1:7355", "engines     8");
  }

  @Test
  void systemd_trainer_wouldStart() throws IOException {
    Run run = plan(unit("flowloop-trainer.service"));

    assertThat(run.exitCode()).as(run.err()).isZero();
  }
}
