package io.flowloop.rollout;

import com.typesafe.config.Config;
import java.util.List;
import org.apache.pekko.cluster.ConfigValidation;
import org.apache.pekko.cluster.JoinConfigCompatChecker;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Lets a node join only if it reads the members' messages as they are meant. */
public final class WireCompatibility extends JoinConfigCompatChecker {

  private static final Seq<String> KEYS =
      CollectionConverters.asScala(List.of("flowloop.wire.fingerprint")).toSeq();

  /** As Pekko makes it. */
  public WireCompatibility() {}

  @Override
  public Seq<String> requiredKeys() {
    return KEYS;
  }

  @Override
  public ConfigValidation check(Config toCheck, Config actual) {
    return JoinConfigCompatChecker.fullMatch(KEYS, toCheck, actual);
  }
}
