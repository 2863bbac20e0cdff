package io.flowloop.config;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigIncluderClasspath;
import com.typesafe.config.ConfigIncluderFile;
import com.typesafe.config.ConfigIncluderURL;
import com.typesafe.config.ConfigObject;
import java.io.File;
import java.net.URL;
import java.util.function.Function;

/**
 * The one way in which {@code include "other.conf"} finds what it names. HOCON by itself would go
 * on to the network and the classpath, and pass over what it does not find.
 *
 * @param find what stands under a name; throws HOCON's exception where nothing does
 */
record Includes(Function<String, ConfigObject> find)
    implements ConfigIncluder, ConfigIncluderFile, ConfigIncluderURL, ConfigIncluderClasspath {

  /** For a source that has nothing beside it. */
  static final Includes NONE =
      new Includes(
          what -> {
            throw refusal(what, "; only files include others");
          });

  /** {@code includes other.conf, which cannot be read}. */
  static ConfigException refusal(String what, String why) {
    return new ConfigException.Generic("includes " + what + why);
  }

  @Override
  public ConfigIncluder withFallback(ConfigIncluder fallback) {
    return this;
  }

  @Override
  public ConfigObject include(ConfigIncludeContext context, String what) {
    return find.apply(what);
  }

  @Override
  public ConfigObject includeFile(ConfigIncludeContext context, File what) {
    throw onlyPlain("file(\"" + what + "\")");
  }

  @Override
  public ConfigObject includeURL(ConfigIncludeContext context, URL what) {
    throw onlyPlain("url(\"" + what + "\")");
  }

  @Override
  public ConfigObject includeResources(ConfigIncludeContext context, String what) {
    throw onlyPlain("classpath(\"" + what + "\")");
  }

  private static ConfigException onlyPlain(String what) {
    return refusal(what, "; expected: include \"other.conf\", a file by its path from this one");
  }
}
