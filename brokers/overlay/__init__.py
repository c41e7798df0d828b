"""Who is where: what brokers say of themselves, and the trees that follow from it."""
