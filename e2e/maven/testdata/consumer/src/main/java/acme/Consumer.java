package acme; public class Consumer { public static String run() { return App.run() + Helper.help(); } }
