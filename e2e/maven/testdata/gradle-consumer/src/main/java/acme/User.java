package acme;

public class User {
    final String end = Gadget.end();
    final Extra extra = new Extra();
}
