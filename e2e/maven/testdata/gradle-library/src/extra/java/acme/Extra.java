package acme;

public class Extra {
}
