package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeCommandTest {

  private static final String SEEDS = "cluster.seedNodes=[trainer-1:7355]";

  @TempDir Path dir;

  @Test
  void dryRun_tellsWhereItJoinsAndWhatItDraws() {
    Run run =
        Run.of(
            "node",
            "--dry-run",
            "--roles=engine",
            SEEDS,
            "cluster.host=gpu-1",
            "cluster.bindHost=0.0.0.0",
            "cluster.insecure=true",
            "rollout.engines=3");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("gpu-1, ports 7355 and 7356, bound to 0.0.0.0")
        .contains("trainer-1:7355")
        .contains("roles       engine")
        .containsPattern("3: glyph 32 x 96, float32, weights [0-9a-f]{8}, up to 64 rows a forward");
  }

  @Test
  void dryRun_ofRewardsAlone_tellsWhatItScoresWith() {
    Run run =
        Run.of(
            "node",
            "--dry-run",
            "--roles=reward",
            SEEDS,
            "cluster.insecure=true",
            "reward.concurrency=16",
            "reward.functions.jpegCompressibility.weight=0.5",
            "reward.functions.vlmOcr.weight=2",
            "reward.functions.vlmOcr.url=http://gpu-1:8000/v1",
            "reward.functions.vlmOcr.model=Qwen/VL");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("engines     none")
        .contains(
            "rewards     16 at a time: 0.5 jpegCompressibility + 1.0 ocr + 2.0 vlmOcr(Qwen/VL)");
  }

  @Test
  void rewardsThatCannotScoreAFirstImage_endTheNodeAndSayWhy() {
    Run run =
        Run.of(
            "node",
            "--roles=reward",
            "cluster.seedNodes=[127.0.0.1:1]",
            "cluster.port=0",
            "cluster.dataPort=0",
            "cluster.insecure=true",
            "http.port=0",
            "reward.timeout=1 ms");

    assertThat(run.exitCode()).isEqualTo(Failures.FAILED);
    assertThat(run.err())
        .contains("node failed: node ")
        .contains("rewards, 1.0 ocr: a first image has no score")
        .contains("no reward within PT0.001S (reward.timeout)");
  }

  @Test
  void printConfig_showsTheRolesGiven() {
    Run run = Run.of("node", "--print-config", "--roles=reward", SEEDS, "cluster.insecure=true");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).containsPattern("roles.*\\[reward]");
  }

  @Test
  void withoutSeeds_isBadInput() {
    Run run = Run.of("node", "cluster.insecure=true");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("cluster.seedNodes").contains("where the trainer is");
  }

  @Test
  void roleOfTheTrainer_isBadInput() {
    Run run = Run.of("node", "--roles=trainer", SEEDS, "cluster.insecure=true");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("engine, reward or both");
  }

  @Test
  void folderWithoutCertificates_isBadInputAndNamesTheFile() {
    Run run = Run.of("node", SEEDS, "cluster.port=0", "cluster.certificates=" + dir);

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("tls.crt");
  }
}
