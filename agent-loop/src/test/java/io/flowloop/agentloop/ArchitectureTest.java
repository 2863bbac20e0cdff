package io.flowloop.agentloop;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The chain config ← engine ← reward ← rollout-actors ← agent-loop, and what each may import. */
@AnalyzeClasses(packages = "io.flowloop", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  @ArchTest
  static final ArchRule modules =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("config")
          .definedBy("io.flowloop.config..")
          .layer("engine")
          .definedBy("io.flowloop.engine..")
          .layer("reward")
          .definedBy("io.flowloop.reward..")
          .layer("rollout-actors")
          .definedBy("io.flowloop.rollout..")
          .layer("agent-loop")
          .definedBy("io.flowloop.agentloop..")
          .whereLayer("agent-loop")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("rollout-actors")
          .mayOnlyBeAccessedByLayers("agent-loop")
          .whereLayer("reward")
          .mayOnlyBeAccessedByLayers("rollout-actors", "agent-loop")
          .whereLayer("engine")
          .mayOnlyBeAccessedByLayers("reward", "rollout-actors", "agent-loop");

  @ArchTest
  static final ArchRule settingsAreData =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.config..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.pekko..", "ai.djl..");

  @ArchTest
  static final ArchRule engineHoldsNoActor =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.engine..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.apache.pekko..");

  @ArchTest
  static final ArchRule rewardsHoldNeitherActorNorTensor =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.reward..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.pekko..", "ai.djl..");

  @ArchTest
  static final ArchRule actorsHoldNoTensor =
      noClasses()
          .that()
          .resideInAnyPackage("io.flowloop.rollout..", "io.flowloop.agentloop..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("ai.djl.ndarray..", "ai.djl.pytorch..");

  @ArchTest
  static final ArchRule theLoopDoesNotKnowItsCommandLine =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.agentloop")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.flowloop.agentloop.cli..", "picocli..");

  @ArchTest
  static final ArchRule theLoopDoesNotKnowItsTrackers =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.agentloop")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.flowloop.agentloop.track..");

  @ArchTest
  static final ArchRule theLoopDoesNotKnowItsBenchmark =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.agentloop")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.flowloop.agentloop.bench..");

  @ArchTest
  static final ArchRule theBenchmarkHoldsNoActorAndNoCommandLine =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.agentloop.bench..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.pekko..", "io.flowloop.agentloop.cli..", "picocli..");

  @ArchTest
  static final ArchRule trackersHoldNoActorAndNoCommandLine =
      noClasses()
          .that()
          .resideInAPackage("io.flowloop.agentloop.track..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.pekko..", "io.flowloop.agentloop.cli..", "picocli..");
}
