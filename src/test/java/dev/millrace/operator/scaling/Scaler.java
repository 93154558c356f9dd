package dev.millrace.operator.scaling;

/** Something that changes what a simulated query has. */
interface Scaler {

    /** Looks at the query, every ten seconds, and may ask for another allocation. */
    void look(SimulatedQuery query);

    /** How many changes it has asked for. */
    int actions();
}
