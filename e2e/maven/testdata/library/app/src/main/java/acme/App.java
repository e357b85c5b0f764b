package acme; public class App { public static String run() { return Core.hello() + org.apache.commons.io.IOUtils.DIR_SEPARATOR; } }
